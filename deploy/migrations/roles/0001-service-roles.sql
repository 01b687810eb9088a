-- One group role a service, without login: what each may do is granted to these, in the migrations of
-- the parts. Login roles are made members of exactly one. Roles belong to the whole server, so another
-- installation on it may have made them.
DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['countersign_gateway', 'countersign_approvals', 'countersign_audit', 'countersign_reader'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END LOOP;
END $$;
