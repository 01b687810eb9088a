-- Look-ups that keep their pace however long the ledger is.
SET LOCAL ROLE countersign_ledger_owner;

-- With the place behind it: a page of a long session costs what is on the page.
DROP INDEX ledger.entries_session;
CREATE INDEX entries_session ON ledger.entries (session_id, chain, seq) WHERE session_id IS NOT NULL;
DROP INDEX ledger.entries_request;
CREATE INDEX entries_request ON ledger.entries (request_id, chain, seq) WHERE request_id IS NOT NULL;

-- Nearly every event is sealed soon after it happened, so that its place follows from its time. This finds
-- the others: those of a spool that could not be drained, and of a clock that is wrong.
CREATE INDEX entries_far_time ON ledger.entries (chain, event_time)
  WHERE event_time < recorded_at - 3600000000 OR event_time > recorded_at + 3600000000;

-- The first entry of a chain that was recorded at that time (microseconds since 1970) or later, or the
-- size of the chain: recorded_at never goes back, so a binary search finds it.
CREATE FUNCTION ledger.first_recorded_from(p_chain int, p_time bigint, p_size bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_low bigint := 0;
  v_high bigint := p_size;
  v_middle bigint;
  v_recorded bigint;
BEGIN
  WHILE v_low < v_high LOOP
    v_middle := (v_low + v_high) / 2;
    SELECT recorded_at INTO v_recorded FROM ledger.entries WHERE chain = p_chain AND seq = v_middle;
    IF v_recorded < p_time THEN
      v_low := v_middle + 1;
    ELSE
      v_high := v_middle;
    END IF;
  END LOOP;
  RETURN v_low;
END $$;

GRANT EXECUTE ON FUNCTION ledger.first_recorded_from TO countersign_audit, countersign_reader;

RESET ROLE;
