-- The embedded event log: topics, partitions, offsets and consumer groups in tables.
--
-- Nobody but the owner touches a table. Services call the functions, which run with the owner's rights
-- and decide by the role that logged in (session_user, which SET ROLE does not change) what it may do.
-- The owner cannot log in, and no service role is a member of it.
DO $$
BEGIN
  BEGIN
    CREATE ROLE countersign_event_log_owner NOLOGIN;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
  END;
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT countersign_event_log_owner TO %I', current_user);
  END IF;
END $$;

CREATE SCHEMA event_log AUTHORIZATION countersign_event_log_owner;
SET LOCAL ROLE countersign_event_log_owner;

CREATE TABLE event_log.meta (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  cluster_id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO event_log.meta DEFAULT VALUES;

-- As libs/contracts/topics.ts says; the service compares them when it starts.
CREATE TABLE event_log.topics (
  topic text PRIMARY KEY,
  topic_id uuid NOT NULL DEFAULT gen_random_uuid(),
  partitions int NOT NULL CHECK (partitions > 0)
);
INSERT INTO event_log.topics (topic, partitions) VALUES
  ('statements', 4), ('requests', 4), ('decisions', 4), ('approvals', 4), ('control', 1);

-- Which service may do what. A superuser may do everything. Audit appends nothing so far.
CREATE TABLE event_log.permissions (
  role name NOT NULL,
  topic text NOT NULL REFERENCES event_log.topics,
  may_append boolean NOT NULL,
  may_read boolean NOT NULL,
  PRIMARY KEY (role, topic)
);
INSERT INTO event_log.permissions (role, topic, may_append, may_read) VALUES
  ('countersign_gateway', 'statements', true, false),
  ('countersign_gateway', 'requests', true, false),
  ('countersign_gateway', 'decisions', false, true),
  ('countersign_gateway', 'control', false, true),
  ('countersign_approvals', 'requests', false, true),
  ('countersign_approvals', 'decisions', true, false),
  ('countersign_approvals', 'approvals', true, false),
  ('countersign_approvals', 'control', true, true),
  ('countersign_audit', 'statements', false, true),
  ('countersign_audit', 'requests', false, true),
  ('countersign_audit', 'decisions', false, true),
  ('countersign_audit', 'approvals', false, true),
  ('countersign_audit', 'control', false, true);

-- Services that share work in consumer groups; the gateway reads alone.
CREATE TABLE event_log.group_roles (role name PRIMARY KEY);
INSERT INTO event_log.group_roles (role) VALUES ('countersign_approvals'), ('countersign_audit');

-- The row lock of a head lasts to the appending transaction's commit: offsets are contiguous and become
-- visible in their order. Below first_offset the log has been trimmed.
CREATE TABLE event_log.heads (
  topic text NOT NULL REFERENCES event_log.topics,
  partition int NOT NULL CHECK (partition >= 0),
  first_offset bigint NOT NULL DEFAULT 0,
  next_offset bigint NOT NULL DEFAULT 0 CHECK (next_offset >= first_offset),
  PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
INSERT INTO event_log.heads (topic, partition)
  SELECT t.topic, p FROM event_log.topics t CROSS JOIN LATERAL generate_series(0, t.partitions - 1) p;

CREATE TABLE event_log.log (
  topic text NOT NULL,
  partition int NOT NULL,
  "offset" bigint NOT NULL,
  key bytea NOT NULL,
  value bytea NOT NULL,
  appended_at timestamptz NOT NULL,
  PRIMARY KEY (topic, partition, "offset")
);

-- One row for each living producer: which of its batches is stored. A batch that comes again, because
-- the answer to its COMMIT was lost, is acknowledged and not written a second time.
CREATE TABLE event_log.producers (
  producer uuid PRIMARY KEY,
  opened_by name NOT NULL,
  last_batch bigint NOT NULL DEFAULT -1,
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- Consumer groups. generation grows whenever somebody joins, leaves or is dropped.
CREATE TABLE event_log.groups (
  group_name text PRIMARY KEY CHECK (length(group_name) BETWEEN 1 AND 200),
  role name NOT NULL,
  generation bigint NOT NULL DEFAULT 0
);
CREATE TABLE event_log.members (
  group_name text NOT NULL REFERENCES event_log.groups,
  member uuid NOT NULL,
  topics text[] NOT NULL,
  lease_until timestamptz NOT NULL,
  PRIMARY KEY (group_name, member)
);
-- Who reads a partition now. It passes on when its member gives it back or the member's lease has ended.
-- acquisition is new each time, so that a member which lost and regained a partition can tell.
CREATE TABLE event_log.assignments (
  group_name text NOT NULL,
  topic text NOT NULL,
  partition int NOT NULL,
  member uuid NOT NULL,
  acquisition bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (group_name, topic, partition),
  FOREIGN KEY (group_name, member) REFERENCES event_log.members ON DELETE CASCADE
);

-- Holds against the owner too, and under session_replication_role = replica.
CREATE FUNCTION event_log.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the event log is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log.log
  FOR EACH STATEMENT EXECUTE FUNCTION event_log.refuse_change();
ALTER TABLE event_log.log ENABLE ALWAYS TRIGGER append_only;

CREATE FUNCTION event_log.require_permission(p_topic text, p_append boolean, p_read boolean) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM event_log.permissions p
    WHERE p.topic = p_topic AND (p.may_append AND p_append OR p.may_read AND p_read)
      AND pg_has_role(session_user, p.role, 'USAGE')
  ) THEN
    RAISE EXCEPTION 'role "%" may not % topic "%" of the event log', session_user,
      CASE WHEN p_append AND p_read THEN 'use' WHEN p_append THEN 'append to' ELSE 'read' END, p_topic
      USING ERRCODE = 'insufficient_privilege';
  END IF;
END $$;

CREATE FUNCTION event_log.cluster_id() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT cluster_id FROM event_log.meta;
END;

CREATE FUNCTION event_log.list_topics() RETURNS TABLE (topic text, topic_id uuid, partitions int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT t.topic, t.topic_id, t.partitions FROM event_log.topics t;
END;

-- Makes the producer known; its first batch has number 0. Forgets those not seen for a week.
CREATE FUNCTION event_log.open_producer(p_producer uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM event_log.permissions p WHERE p.may_append AND pg_has_role(session_user, p.role, 'USAGE')) THEN
    RAISE EXCEPTION 'role "%" may not append to the event log', session_user USING ERRCODE = 'insufficient_privilege';
  END IF;
  DELETE FROM event_log.producers WHERE seen_at < clock_timestamp() - interval '7 days';
  INSERT INTO event_log.producers (producer, opened_by) VALUES (p_producer, session_user);
END $$;

CREATE FUNCTION event_log.close_producer(p_producer uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  DELETE FROM event_log.producers WHERE producer = p_producer AND opened_by = session_user;
END;

-- Appends one batch to one partition. True when it was written, false when this batch was written
-- before. The producer's row is locked first: a second attempt waits for the end of the first one, and
-- an attempt that was left behind in a dead connection finds its number used.
CREATE FUNCTION event_log.append(
  p_producer uuid, p_batch bigint, p_topic text, p_partition int, p_keys bytea[], p_values bytea[]
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_count int := cardinality(p_values);
  v_last bigint;
  v_next bigint;
BEGIN
  PERFORM event_log.require_permission(p_topic, true, false);
  IF p_batch IS NULL OR v_count IS NULL OR v_count NOT BETWEEN 1 AND 10000 OR cardinality(p_keys) IS DISTINCT FROM v_count THEN
    RAISE EXCEPTION 'a batch has a number and 1 to 10000 records, each with a key and a value' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT last_batch INTO v_last FROM event_log.producers
    WHERE producer = p_producer AND opened_by = session_user FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'producer % is not known', p_producer USING ERRCODE = 'CSL01';
  END IF;
  IF p_batch <= v_last THEN
    RETURN false;
  END IF;
  IF p_batch > v_last + 1 THEN
    RAISE EXCEPTION 'producer % skipped from batch % to %', p_producer, v_last, p_batch USING ERRCODE = 'CSL02';
  END IF;
  UPDATE event_log.producers SET last_batch = p_batch, seen_at = clock_timestamp() WHERE producer = p_producer;
  UPDATE event_log.heads SET next_offset = next_offset + v_count
    WHERE topic = p_topic AND partition = p_partition RETURNING next_offset INTO v_next;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'topic "%" has no partition %', p_topic, p_partition USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO event_log.log (topic, partition, "offset", key, value, appended_at)
    SELECT p_topic, p_partition, v_next - v_count + r.ord - 1, r.key, r.value, clock_timestamp()
    FROM unnest(p_keys, p_values) WITH ORDINALITY AS r(key, value, ord);
  PERFORM pg_notify('event_log_' || p_topic, p_partition::text);
  RETURN true;
END $$;

CREATE FUNCTION event_log.bounds(p_topic text, p_partition int) RETURNS TABLE (first_offset bigint, next_offset bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM event_log.require_permission(p_topic, true, true);
  RETURN QUERY SELECT h.first_offset, h.next_offset FROM event_log.heads h
    WHERE h.topic = p_topic AND h.partition = p_partition;
END $$;

-- Records from an offset on, in order: at most p_records of them, ending with the one that reaches p_bytes.
CREATE FUNCTION event_log.read(p_topic text, p_partition int, p_from bigint, p_records int, p_bytes bigint)
RETURNS TABLE ("offset" bigint, key bytea, value bytea, appended_ms bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_head event_log.heads;
BEGIN
  PERFORM event_log.require_permission(p_topic, false, true);
  SELECT * INTO v_head FROM event_log.heads h WHERE h.topic = p_topic AND h.partition = p_partition;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'topic "%" has no partition %', p_topic, p_partition USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF p_from < v_head.first_offset THEN
    RAISE EXCEPTION 'offset % of %/% is gone: the log begins at %', p_from, p_topic, p_partition, v_head.first_offset
      USING ERRCODE = 'CSL03';
  END IF;
  IF p_from > v_head.next_offset THEN
    RAISE EXCEPTION 'offset % of %/% does not exist: the log ends at %', p_from, p_topic, p_partition, v_head.next_offset
      USING ERRCODE = 'CSL04';
  END IF;
  IF p_from = v_head.next_offset THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT s."offset", s.key, s.value, floor(extract(epoch FROM s.appended_at) * 1000)::bigint
    FROM (
      SELECT l.*, sum(octet_length(l.value)) OVER (ORDER BY l."offset") - octet_length(l.value) AS bytes_before
      FROM (
        SELECT * FROM event_log.log
        WHERE log.topic = p_topic AND log.partition = p_partition AND log."offset" >= p_from
        ORDER BY log."offset" LIMIT p_records
      ) l
    ) s
    WHERE s.bytes_before < p_bytes
    ORDER BY s."offset";
END $$;

RESET ROLE;
