-- The ledger: one chain for each partition of the event log. Its owner has no login and the service may
-- change it through four functions only. Every column is either hashed, derivable from what is hashed,
-- or carries a checksum, so that `countersign ledger verify` finds any byte that is changed.
-- docs/formats/ledger-entry.md describes the bytes.
DO $$
BEGIN
  BEGIN
    CREATE ROLE countersign_ledger_owner NOLOGIN;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
  END;
  -- A migrating role that is no superuser must be able to act as the owner, here and in later migrations.
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT countersign_ledger_owner TO %I WITH INHERIT FALSE, SET TRUE', current_user);
  END IF;
END $$;

CREATE SCHEMA ledger AUTHORIZATION countersign_ledger_owner;
CREATE SCHEMA projections AUTHORIZATION countersign_ledger_owner;
SET LOCAL ROLE countersign_ledger_owner;

GRANT USAGE ON SCHEMA ledger, projections TO countersign_audit, countersign_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA ledger GRANT SELECT ON TABLES TO countersign_audit, countersign_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA projections GRANT SELECT ON TABLES TO countersign_audit, countersign_reader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TABLE ledger.chains (
  chain int PRIMARY KEY,
  -- <topic>/<partition>
  name text NOT NULL UNIQUE,
  chain_id uuid NOT NULL UNIQUE,
  origin text NOT NULL UNIQUE,
  -- Binds chain_id, origin and predecessor; its SHA-256 is the prev of entry 0.
  genesis bytea NOT NULL
);

CREATE TABLE ledger.chain_heads (
  chain int PRIMARY KEY,
  size bigint NOT NULL,
  -- The leaf hash of the last entry; the genesis hash while there is none.
  head bytea NOT NULL,
  -- The roots of the perfect subtrees, largest first.
  compact_range bytea NOT NULL,
  -- The fence: whoever claims the chain raises it.
  epoch bigint NOT NULL,
  writer uuid NOT NULL,
  -- SHA-256 of chain id, epoch and writer. Nothing sealed depends on those two; the checksum tells that
  -- somebody edited them.
  claim_check bytea NOT NULL
);

-- Where the records of a chain came from, and how far each source is sealed.
CREATE TABLE ledger.consumer_offsets (
  source int PRIMARY KEY,
  chain int NOT NULL,
  cluster text NOT NULL,
  topic_id text NOT NULL,
  next_offset bigint NOT NULL,
  UNIQUE (chain, cluster, topic_id)
);

-- The next number of each producer, for every event of it that was sealed under its own id.
CREATE TABLE ledger.producer_positions (
  chain int NOT NULL,
  producer uuid NOT NULL,
  next_seq bigint NOT NULL,
  PRIMARY KEY (chain, producer)
);

CREATE TABLE ledger.entries (
  chain int NOT NULL,
  seq bigint NOT NULL,
  source int NOT NULL,
  source_offset bigint NOT NULL,
  -- Microseconds since 1970.
  recorded_at bigint NOT NULL,
  -- Microseconds since 1970, as the event says; null for what is no event.
  event_time bigint,
  producer_seq bigint NOT NULL,
  event_id uuid NOT NULL,
  producer uuid NOT NULL,
  request_id uuid,
  session_id uuid,
  type text NOT NULL,
  -- The name of the event's identity.
  identity text,
  leaf bytea NOT NULL,
  -- The exact bytes that are hashed.
  entry bytea NOT NULL,
  PRIMARY KEY (chain, seq)
);
CREATE UNIQUE INDEX entries_event_id ON ledger.entries (event_id);
CREATE UNIQUE INDEX entries_source_offset ON ledger.entries (source, source_offset);
CREATE INDEX entries_request ON ledger.entries (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX entries_session ON ledger.entries (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX entries_identity ON ledger.entries (identity, chain, seq) WHERE identity IS NOT NULL;

-- Beside the entries, so that a payload can be erased under the law without breaking a proof.
CREATE TABLE ledger.payloads (
  chain int NOT NULL,
  seq bigint NOT NULL,
  salt bytea NOT NULL,
  payload bytea NOT NULL,
  PRIMARY KEY (chain, seq)
);

-- Full tiles: 256 hashes each; what is partial is computed from the level below. `root` is the hash of
-- the level above.
CREATE TABLE ledger.tiles (
  chain int NOT NULL,
  level int NOT NULL,
  n bigint NOT NULL,
  root bytea NOT NULL,
  hashes bytea NOT NULL,
  PRIMARY KEY (chain, level, n)
);
ALTER TABLE ledger.tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- Every checkpoint ever signed, numbered from 0 without a gap; the first one is of size 0.
CREATE TABLE ledger.checkpoints (
  chain int NOT NULL,
  number bigint NOT NULL,
  size bigint NOT NULL,
  note bytea NOT NULL,
  PRIMARY KEY (chain, number),
  UNIQUE (chain, size)
);

-- What ingest found out of order; `seq` is the entry that showed it. A verifier finds the same again.
CREATE TABLE ledger.findings (
  chain int NOT NULL,
  seq bigint NOT NULL,
  kind text NOT NULL,
  detail text NOT NULL,
  PRIMARY KEY (chain, seq, kind)
);

CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'ledger.% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = '42501';
END $$;

CREATE FUNCTION ledger.refuse_regression() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old_row jsonb := to_jsonb(OLD);
  new_row jsonb := to_jsonb(NEW);
  field text;
BEGIN
  FOREACH field IN ARRAY TG_ARGV LOOP
    IF (new_row ->> field)::bigint < (old_row ->> field)::bigint THEN
      RAISE EXCEPTION 'ledger.%.% never goes back', TG_TABLE_NAME, field USING ERRCODE = '42501';
    END IF;
  END LOOP;
  RETURN NEW;
END $$;

-- ENABLE ALWAYS: plain triggers do not fire under session_replication_role = replica.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['chains', 'entries', 'payloads', 'tiles', 'checkpoints', 'findings'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I
      FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', name);
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['chain_heads', 'consumer_offsets', 'producer_positions'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON ledger.%I
      FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', name);
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only', name);
  END LOOP;
END $$;
CREATE TRIGGER only_forward BEFORE UPDATE ON ledger.chain_heads
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_regression('size', 'epoch');
CREATE TRIGGER only_forward BEFORE UPDATE ON ledger.consumer_offsets
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_regression('next_offset');
CREATE TRIGGER only_forward BEFORE UPDATE ON ledger.producer_positions
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_regression('next_seq');
ALTER TABLE ledger.chain_heads ENABLE ALWAYS TRIGGER only_forward;
ALTER TABLE ledger.consumer_offsets ENABLE ALWAYS TRIGGER only_forward;
ALTER TABLE ledger.producer_positions ENABLE ALWAYS TRIGGER only_forward;

CREATE FUNCTION ledger.claim_check(chain_id uuid, epoch bigint, writer uuid) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN sha256(convert_to('countersign.claim.v1 ' || chain_id::text || ' ' || epoch::text || ' ' || writer::text, 'UTF8'));

-- Makes a chain; the same name again changes nothing. The caller computes the descriptor.
CREATE FUNCTION ledger.create_chain(p_name text, p_chain_id uuid, p_origin text, p_genesis bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_chain int;
  v_nobody uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
  LOCK TABLE ledger.chains IN EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM ledger.chains WHERE name = p_name) THEN
    RETURN;
  END IF;
  SELECT coalesce(max(chain), 0) + 1 INTO v_chain FROM ledger.chains;
  INSERT INTO ledger.chains VALUES (v_chain, p_name, p_chain_id, p_origin, p_genesis);
  INSERT INTO ledger.chain_heads
    VALUES (v_chain, 0, sha256(p_genesis), '', 0, v_nobody, ledger.claim_check(p_chain_id, 0, v_nobody));
END $$;

-- Takes a chain over: raises its epoch, so that whoever held it before is fenced.
CREATE FUNCTION ledger.claim(p_chain int, p_writer uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_epoch bigint;
BEGIN
  UPDATE ledger.chain_heads h
    SET epoch = h.epoch + 1, writer = p_writer,
        claim_check = ledger.claim_check(c.chain_id, h.epoch + 1, p_writer)
    FROM ledger.chains c
    WHERE h.chain = p_chain AND c.chain = p_chain
    RETURNING h.epoch INTO STRICT v_epoch;
  RETURN v_epoch;
END $$;

-- Seals one batch, all of it or nothing. Raises CS001 (FENCED) when the epoch, the size or the offset is
-- not the caller's any more. Variable-width values come one after the other with the ends of each; those
-- of fixed width need none.
CREATE FUNCTION ledger.append(
  p_chain int, p_epoch bigint, p_size bigint, p_head bytea, p_range bytea,
  p_cluster text, p_topic_id text, p_offset bigint, p_next_offset bigint,
  p_entries bytea, p_entry_ends int[], p_leaves bytea,
  p_event_ids uuid[], p_types text[], p_recorded_at bigint[], p_event_times bigint[],
  p_producers uuid[], p_producer_seqs bigint[], p_offsets bigint[],
  p_request_ids uuid[], p_session_ids uuid[], p_identities text[],
  p_payloads bytea, p_payload_ends int[], p_salts bytea,
  p_tile_levels int[], p_tile_ns bigint[], p_tile_roots bytea, p_tile_hashes bytea,
  p_position_producers uuid[], p_position_next bigint[],
  p_finding_seqs bigint[], p_finding_kinds text[], p_finding_details text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_source int;
BEGIN
  UPDATE ledger.chain_heads
    SET size = p_size + cardinality(p_event_ids), head = p_head, compact_range = p_range
    WHERE chain = p_chain AND epoch = p_epoch AND size = p_size;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'FENCED: the head of chain % has moved', p_chain USING ERRCODE = 'CS001';
  END IF;

  UPDATE ledger.consumer_offsets SET next_offset = p_next_offset
    WHERE chain = p_chain AND cluster = p_cluster AND topic_id = p_topic_id AND next_offset = p_offset
    RETURNING source INTO v_source;
  IF v_source IS NULL THEN
    IF p_offset <> 0 OR EXISTS (SELECT FROM ledger.consumer_offsets
      WHERE chain = p_chain AND cluster = p_cluster AND topic_id = p_topic_id) THEN
      RAISE EXCEPTION 'FENCED: the offset of chain % has moved', p_chain USING ERRCODE = 'CS001';
    END IF;
    LOCK TABLE ledger.consumer_offsets IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO ledger.consumer_offsets
      SELECT coalesce(max(source), 0) + 1, p_chain, p_cluster, p_topic_id, p_next_offset FROM ledger.consumer_offsets
      RETURNING source INTO v_source;
  END IF;

  INSERT INTO ledger.entries (chain, seq, source, source_offset, recorded_at, event_time, producer_seq, event_id,
      producer, request_id, session_id, type, identity, leaf, entry)
    SELECT p_chain, p_size + n - 1, v_source, o, recorded, event_time, producer_seq, event_id,
      producer, request_id, session_id, type, identity,
      substring(p_leaves FROM (n::int - 1) * 32 + 1 FOR 32),
      substring(p_entries FROM coalesce(p_entry_ends[n - 1], 0) + 1
        FOR p_entry_ends[n] - coalesce(p_entry_ends[n - 1], 0))
    FROM unnest(p_offsets, p_recorded_at, p_event_times, p_producer_seqs, p_event_ids, p_producers,
        p_request_ids, p_session_ids, p_types, p_identities)
      WITH ORDINALITY AS u(o, recorded, event_time, producer_seq, event_id, producer, request_id, session_id,
        type, identity, n);

  INSERT INTO ledger.payloads (chain, seq, salt, payload)
    SELECT p_chain, p_size + n - 1,
      substring(p_salts FROM (n::int - 1) * 32 + 1 FOR 32),
      substring(p_payloads FROM begins + 1 FOR ends - begins)
    FROM (SELECT ends, coalesce(lag(ends) OVER (ORDER BY n), 0) AS begins, n
      FROM unnest(p_payload_ends) WITH ORDINALITY AS u(ends, n)) AS slices;

  IF cardinality(p_tile_levels) > 0 THEN
    INSERT INTO ledger.tiles (chain, level, n, root, hashes)
      SELECT p_chain, level, tile, substring(p_tile_roots FROM (i::int - 1) * 32 + 1 FOR 32),
        substring(p_tile_hashes FROM (i::int - 1) * 8192 + 1 FOR 8192)
      FROM unnest(p_tile_levels, p_tile_ns) WITH ORDINALITY AS u(level, tile, i);
  END IF;

  INSERT INTO ledger.producer_positions AS p (chain, producer, next_seq)
    SELECT p_chain, producer, next_seq FROM unnest(p_position_producers, p_position_next) AS u(producer, next_seq)
    ON CONFLICT (chain, producer) DO UPDATE SET next_seq = excluded.next_seq;

  IF cardinality(p_finding_seqs) > 0 THEN
    INSERT INTO ledger.findings (chain, seq, kind, detail)
      SELECT p_chain, seq, kind, detail
      FROM unnest(p_finding_seqs, p_finding_kinds, p_finding_details) AS u(seq, kind, detail);
  END IF;
END $$;

-- Adds a signed checkpoint as the next of its chain. False: another signer was faster.
CREATE FUNCTION ledger.publish_checkpoint(p_chain int, p_number bigint, p_size bigint, p_note bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p_number > 0 AND NOT EXISTS (SELECT FROM ledger.checkpoints
    WHERE chain = p_chain AND number = p_number - 1 AND size < p_size) THEN
    RETURN false;
  END IF;
  IF NOT EXISTS (SELECT FROM ledger.chain_heads WHERE chain = p_chain AND size >= p_size) THEN
    RAISE EXCEPTION 'a checkpoint of chain % covers what is not sealed', p_chain USING ERRCODE = 'CS002';
  END IF;
  INSERT INTO ledger.checkpoints (chain, number, size, note) VALUES (p_chain, p_number, p_size, p_note)
    ON CONFLICT DO NOTHING;
  RETURN FOUND;
END $$;

GRANT EXECUTE ON FUNCTION ledger.create_chain, ledger.claim, ledger.append, ledger.publish_checkpoint
  TO countersign_audit;

RESET ROLE;
