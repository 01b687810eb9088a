-- Seals a batch from arrays as wide as the batch, which unnest in the select list walks side by side: no
-- row is stored in between, and nothing is cut out of longer values.
SET LOCAL ROLE countersign_ledger_owner;

DROP FUNCTION ledger.append(
  int, bigint, bigint, bytea, bytea, text, text, bigint, bigint, bytea, int[], bytea, uuid[], text[], bigint[],
  bigint[], uuid[], bigint[], bigint[], uuid[], uuid[], text[], bytea, int[], bytea, int[], bigint[], bytea,
  bytea, uuid[], bigint[], bigint[], text[], text[]
);

-- Seals one batch, all of it or nothing. Raises CS001 (FENCED) when the epoch, the size or the offset is
-- not the caller's any more, and 22023 when the arrays differ in length.
CREATE FUNCTION ledger.append(
  p_chain int, p_epoch bigint, p_size bigint, p_head bytea, p_range bytea,
  p_cluster text, p_topic_id text, p_offset bigint, p_next_offset bigint, p_recorded_at bigint,
  p_entries bytea[], p_leaves bytea[], p_event_ids uuid[], p_types text[], p_event_times bigint[],
  p_producers uuid[], p_producer_seqs bigint[], p_offsets bigint[],
  p_request_ids uuid[], p_session_ids uuid[], p_identities text[],
  p_payloads bytea[], p_salts bytea[],
  p_tile_levels int[], p_tile_ns bigint[], p_tile_roots bytea[], p_tile_hashes bytea[],
  p_position_producers uuid[], p_position_next bigint[],
  p_finding_seqs bigint[], p_finding_kinds text[], p_finding_details text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_source int;
  v_count int := cardinality(p_entries);
BEGIN
  -- In a select list the shorter of two arrays is filled up with NULL.
  IF (v_count, v_count, v_count, v_count, v_count, v_count, v_count, v_count, v_count, v_count, v_count, v_count)
    IS DISTINCT FROM (cardinality(p_leaves), cardinality(p_event_ids), cardinality(p_types),
      cardinality(p_event_times), cardinality(p_producers), cardinality(p_producer_seqs), cardinality(p_offsets),
      cardinality(p_request_ids), cardinality(p_session_ids), cardinality(p_identities), cardinality(p_payloads),
      cardinality(p_salts)) THEN
    RAISE EXCEPTION 'the arrays of a batch differ in length' USING ERRCODE = '22023';
  END IF;

  UPDATE ledger.chain_heads
    SET size = p_size + v_count, head = p_head, compact_range = p_range
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
    SELECT p_chain, generate_series(p_size, p_size + v_count - 1), v_source, unnest(p_offsets), p_recorded_at,
      unnest(p_event_times), unnest(p_producer_seqs), unnest(p_event_ids), unnest(p_producers),
      unnest(p_request_ids), unnest(p_session_ids), unnest(p_types), unnest(p_identities),
      unnest(p_leaves), unnest(p_entries);

  INSERT INTO ledger.payloads (chain, seq, salt, payload)
    SELECT p_chain, generate_series(p_size, p_size + v_count - 1), unnest(p_salts), unnest(p_payloads);

  IF cardinality(p_tile_levels) > 0 THEN
    INSERT INTO ledger.tiles (chain, level, n, root, hashes)
      SELECT p_chain, unnest(p_tile_levels), unnest(p_tile_ns), unnest(p_tile_roots), unnest(p_tile_hashes);
  END IF;

  INSERT INTO ledger.producer_positions AS p (chain, producer, next_seq)
    SELECT p_chain, unnest(p_position_producers), unnest(p_position_next)
    ON CONFLICT (chain, producer) DO UPDATE SET next_seq = excluded.next_seq;

  IF cardinality(p_finding_seqs) > 0 THEN
    INSERT INTO ledger.findings (chain, seq, kind, detail)
      SELECT p_chain, unnest(p_finding_seqs), unnest(p_finding_kinds), unnest(p_finding_details);
  END IF;
END $$;

GRANT EXECUTE ON FUNCTION ledger.append TO countersign_audit;

RESET ROLE;
