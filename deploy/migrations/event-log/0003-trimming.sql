-- How far each group has read, and the removal of what everybody has read.
SET LOCAL ROLE countersign_event_log_owner;

ALTER TABLE event_log.permissions ADD COLUMN may_trim boolean NOT NULL DEFAULT false;
UPDATE event_log.permissions SET may_trim = true WHERE role = 'countersign_audit' AND topic <> 'control';

-- As libs/event-log/topic-access.ts says: who must have read a topic's record before it may go.
CREATE TABLE event_log.required_groups (
  topic text NOT NULL REFERENCES event_log.topics,
  group_name text NOT NULL,
  PRIMARY KEY (topic, group_name)
);
INSERT INTO event_log.required_groups (topic, group_name)
  SELECT topic, 'audit' FROM event_log.topics UNION ALL VALUES ('requests', 'approvals');

-- The next offset each group will read, as its members report it after they have stored what is below.
-- A hint that never runs ahead: the position that counts is in the group's own database.
CREATE TABLE event_log.positions (
  group_name text NOT NULL REFERENCES event_log.groups,
  topic text NOT NULL,
  partition int NOT NULL,
  next_offset bigint NOT NULL,
  PRIMARY KEY (group_name, topic, partition)
) WITH (fillfactor = 50);

CREATE FUNCTION event_log.report_positions(p_group text, p_topics text[], p_partitions int[], p_offsets bigint[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM event_log.groups g WHERE g.group_name = p_group AND pg_has_role(session_user, g.role, 'USAGE')) THEN
    RAISE EXCEPTION 'consumer group "%" is not one of role "%"', p_group, session_user USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- In one order, so that two members cannot wait for each other.
  INSERT INTO event_log.positions (group_name, topic, partition, next_offset)
    SELECT p_group, r.topic, r.partition, r.next_offset
    FROM unnest(p_topics, p_partitions, p_offsets) AS r(topic, partition, next_offset)
    JOIN event_log.heads h ON h.topic = r.topic AND h.partition = r.partition AND r.next_offset <= h.next_offset
    ORDER BY r.topic, r.partition
    ON CONFLICT (group_name, topic, partition) DO UPDATE SET next_offset = excluded.next_offset
      WHERE positions.next_offset < excluded.next_offset;
END $$;

-- Where the partitions of these topics begin and end, for those the caller may use.
CREATE FUNCTION event_log.list_bounds(p_topics text[])
RETURNS TABLE (topic text, partition int, first_offset bigint, next_offset bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_topic text;
BEGIN
  FOREACH v_topic IN ARRAY p_topics LOOP
    PERFORM event_log.require_permission(v_topic, true, true);
  END LOOP;
  RETURN QUERY SELECT h.topic, h.partition, h.first_offset, h.next_offset FROM event_log.heads h
    WHERE h.topic = ANY (p_topics);
END $$;

-- What stands below first_offset is gone for every reader already; nothing else may be deleted.
DROP TRIGGER append_only ON event_log.log;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON event_log.log
  FOR EACH STATEMENT EXECUTE FUNCTION event_log.refuse_change();
ALTER TABLE event_log.log ENABLE ALWAYS TRIGGER append_only;

CREATE FUNCTION event_log.refuse_early_delete() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM gone g LEFT JOIN event_log.heads h ON h.topic = g.topic AND h.partition = g.partition
    WHERE h.first_offset IS NULL OR g."offset" >= h.first_offset
  ) THEN
    RAISE EXCEPTION 'the event log is append-only: DELETE refused' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER delete_trimmed_only AFTER DELETE ON event_log.log REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION event_log.refuse_early_delete();
ALTER TABLE event_log.log ENABLE ALWAYS TRIGGER delete_trimmed_only;

-- first_offset and next_offset only grow.
CREATE FUNCTION event_log.refuse_going_back() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the event log does not go back' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER only_forward BEFORE UPDATE ON event_log.heads FOR EACH ROW
  WHEN (NEW.first_offset < OLD.first_offset OR NEW.next_offset < OLD.next_offset
    OR NEW.topic <> OLD.topic OR NEW.partition <> OLD.partition)
  EXECUTE FUNCTION event_log.refuse_going_back();
ALTER TABLE event_log.heads ENABLE ALWAYS TRIGGER only_forward;

-- Moves the beginning of a partition up to p_below (what audit has sealed), but not beyond what every
-- required group has reported as read, nor to a record younger than p_keep_ms. A group that never
-- reported holds everything. Then deletes what is gone, p_limit records at most: call it again while it
-- says that it deleted as many.
CREATE FUNCTION event_log.trim(p_topic text, p_partition int, p_below bigint, p_keep_ms bigint, p_limit int)
RETURNS TABLE (first_offset bigint, deleted int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_below bigint;
  v_young bigint;
  v_first bigint;
  v_deleted int;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM event_log.permissions p
    WHERE p.topic = p_topic AND p.may_trim AND pg_has_role(session_user, p.role, 'USAGE')) THEN
    RAISE EXCEPTION 'role "%" may not trim topic "%" of the event log', session_user, p_topic USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF p_below IS NULL OR p_keep_ms IS NULL OR p_keep_ms < 0 OR p_limit NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'trimming takes an offset, a time to keep and a limit of 1 to 100000' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT least(p_below, min(coalesce(q.next_offset, 0))) INTO v_below
  FROM (
    SELECT r.group_name FROM event_log.required_groups r WHERE r.topic = p_topic
    UNION
    SELECT o.group_name FROM event_log.positions o WHERE o.topic = p_topic
    UNION
    SELECT m.group_name FROM event_log.members m WHERE p_topic = ANY (m.topics)
  ) g LEFT JOIN event_log.positions q
    ON q.group_name = g.group_name AND q.topic = p_topic AND q.partition = p_partition;
  SELECT h.first_offset INTO v_first FROM event_log.heads h WHERE h.topic = p_topic AND h.partition = p_partition;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'topic "%" has no partition %', p_topic, p_partition USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- Times grow with offsets but for small steps of the clock: the first young one bounds what may go.
  SELECT min(l."offset") INTO v_young FROM (
    SELECT l."offset", l.appended_at FROM event_log.log l
    WHERE l.topic = p_topic AND l.partition = p_partition AND l."offset" >= v_first AND l."offset" < v_below
    ORDER BY l."offset" LIMIT p_limit
  ) l WHERE l.appended_at > clock_timestamp() - p_keep_ms * interval '1 ms';
  v_below := least(v_below, v_young, v_first + p_limit);
  IF v_below > v_first THEN
    UPDATE event_log.heads h SET first_offset = v_below WHERE h.topic = p_topic AND h.partition = p_partition
      AND h.first_offset < v_below;
    v_first := v_below;
  END IF;
  DELETE FROM event_log.log l USING (
    SELECT d."offset" FROM event_log.log d
    WHERE d.topic = p_topic AND d.partition = p_partition AND d."offset" < v_first
    ORDER BY d."offset" LIMIT p_limit
  ) d WHERE l.topic = p_topic AND l.partition = p_partition AND l."offset" = d."offset";
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN QUERY SELECT v_first, v_deleted;
END $$;

REVOKE ALL ON FUNCTION
  event_log.report_positions(text, text[], int[], bigint[]),
  event_log.list_bounds(text[]),
  event_log.refuse_early_delete(),
  event_log.refuse_going_back(),
  event_log.trim(text, int, bigint, bigint, int)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event_log.list_bounds(text[]) TO countersign_gateway, countersign_approvals, countersign_audit;
GRANT EXECUTE ON FUNCTION event_log.report_positions(text, text[], int[], bigint[]) TO countersign_approvals, countersign_audit;
GRANT EXECUTE ON FUNCTION event_log.trim(text, int, bigint, bigint, int) TO countersign_audit;

RESET ROLE;
