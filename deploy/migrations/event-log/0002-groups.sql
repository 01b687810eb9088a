-- Membership of consumer groups: leases, fair shares, and the handing over of partitions.
SET LOCAL ROLE countersign_event_log_owner;

-- Joins the group or renews the lease, gives back what p_released names, takes what is due and free, and
-- answers with what the member holds. due = false: another member waits for this one, give it back as
-- soon as its handler has ended. A member not heard of for p_lease_ms is dropped by the next caller.
CREATE FUNCTION event_log.heartbeat(
  p_group text, p_member uuid, p_topics text[], p_lease_ms int,
  p_released_topics text[], p_released_partitions int[]
) RETURNS TABLE (topic text, partition int, acquisition bigint, due boolean, generation bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_role name;
  v_topic text;
  v_now timestamptz;
  v_changed boolean := false;
  v_moved boolean := false;
  v_count int;
BEGIN
  FOREACH v_topic IN ARRAY p_topics LOOP
    PERFORM event_log.require_permission(v_topic, false, true);
  END LOOP;
  IF p_lease_ms NOT BETWEEN 100 AND 600000 OR cardinality(p_topics) = 0 THEN
    RAISE EXCEPTION 'a member names topics and a lease of 0.1 to 600 s' USING ERRCODE = 'invalid_parameter_value';
  END IF;

  SELECT g.role INTO v_role FROM event_log.groups g WHERE g.group_name = p_group FOR UPDATE;
  IF NOT FOUND THEN
    SELECT r.role INTO v_role FROM event_log.group_roles r
      WHERE pg_has_role(session_user, r.role, 'USAGE') ORDER BY r.role LIMIT 1;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'role "%" may not join consumer groups', session_user USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO event_log.groups (group_name, role) VALUES (p_group, v_role) ON CONFLICT DO NOTHING;
    SELECT g.role INTO v_role FROM event_log.groups g WHERE g.group_name = p_group FOR UPDATE;
  END IF;
  IF NOT pg_has_role(session_user, v_role, 'USAGE') THEN
    RAISE EXCEPTION 'consumer group "%" belongs to role "%"', p_group, v_role USING ERRCODE = 'insufficient_privilege';
  END IF;

  -- After the lock: the wait for it must not eat the lease.
  v_now := clock_timestamp();
  DELETE FROM event_log.members m WHERE m.group_name = p_group AND m.lease_until < v_now;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  v_changed := v_count > 0;
  UPDATE event_log.members m SET lease_until = v_now + p_lease_ms * interval '1 ms', topics = p_topics
    WHERE m.group_name = p_group AND m.member = p_member;
  IF NOT FOUND THEN
    INSERT INTO event_log.members (group_name, member, topics, lease_until)
      VALUES (p_group, p_member, p_topics, v_now + p_lease_ms * interval '1 ms');
    v_changed := true;
  END IF;
  IF v_changed THEN
    UPDATE event_log.groups g SET generation = g.generation + 1 WHERE g.group_name = p_group;
  END IF;

  DELETE FROM event_log.assignments a USING unnest(p_released_topics, p_released_partitions) AS r(topic, partition)
    WHERE a.group_name = p_group AND a.member = p_member AND a.topic = r.topic AND a.partition = r.partition;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  v_moved := v_count > 0;

  INSERT INTO event_log.assignments (group_name, topic, partition, member)
    SELECT p_group, d.topic, d.partition, p_member FROM event_log.due_partitions(p_group) d
    WHERE d.member = p_member
    ON CONFLICT DO NOTHING;

  -- Tells the others to come at once instead of at their next heartbeat.
  IF v_changed OR v_moved THEN
    PERFORM pg_notify('event_log_groups', p_group);
  END IF;
  RETURN QUERY
    SELECT a.topic, a.partition, a.acquisition, d.member = p_member, g.generation
    FROM event_log.groups g
    JOIN event_log.assignments a USING (group_name)
    LEFT JOIN event_log.due_partitions(p_group) d ON d.topic = a.topic AND d.partition = a.partition
    WHERE g.group_name = p_group AND a.member = p_member;
END $$;

-- The fair share: the partitions of each topic in turn among the members that subscribe to it. The turn
-- goes on from topic to topic, so that topics of one partition do not all fall to the same member.
CREATE FUNCTION event_log.due_partitions(p_group text) RETURNS TABLE (topic text, partition int, member uuid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH subscribed AS (
    SELECT s.topic, m.member,
           row_number() OVER (PARTITION BY s.topic ORDER BY m.member) - 1 AS place,
           count(*) OVER (PARTITION BY s.topic) AS members
    FROM event_log.members m CROSS JOIN LATERAL unnest(m.topics) AS s(topic)
    WHERE m.group_name = p_group
  ), numbered AS (
    SELECT h.topic, h.partition, row_number() OVER (ORDER BY h.topic, h.partition) - 1 AS turn
    FROM event_log.heads h WHERE h.topic IN (SELECT s.topic FROM subscribed s)
  )
  SELECT n.topic, n.partition, s.member
  FROM numbered n JOIN subscribed s ON s.topic = n.topic AND s.place = n.turn % s.members;
END;

CREATE FUNCTION event_log.leave_group(p_group text, p_member uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM 1 FROM event_log.groups g WHERE g.group_name = p_group AND pg_has_role(session_user, g.role, 'USAGE') FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  DELETE FROM event_log.members m WHERE m.group_name = p_group AND m.member = p_member;
  IF FOUND THEN
    UPDATE event_log.groups g SET generation = g.generation + 1 WHERE g.group_name = p_group;
    PERFORM pg_notify('event_log_groups', p_group);
  END IF;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA event_log FROM PUBLIC;
GRANT USAGE ON SCHEMA event_log TO countersign_gateway, countersign_approvals, countersign_audit;
GRANT EXECUTE ON FUNCTION
  event_log.cluster_id(),
  event_log.list_topics(),
  event_log.open_producer(uuid),
  event_log.close_producer(uuid),
  event_log.append(uuid, bigint, text, int, bytea[], bytea[]),
  event_log.bounds(text, int),
  event_log.read(text, int, bigint, int, bigint)
TO countersign_gateway, countersign_approvals, countersign_audit;
GRANT EXECUTE ON FUNCTION
  event_log.heartbeat(text, uuid, text[], int, text[], int[]),
  event_log.leave_group(text, uuid)
TO countersign_approvals, countersign_audit;

RESET ROLE;
