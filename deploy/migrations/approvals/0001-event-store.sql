-- What apps/approvals keeps: the events it produced (event store and outbox in one), how far they have
-- been sent, where it stands in the topics it reads, and the read models made from all that.
CREATE SCHEMA approvals;
GRANT USAGE ON SCHEMA approvals TO countersign_approvals;

-- The producer of every event written here: the life of this outbox. Whoever restores an older copy of
-- this schema must give it a new one, or sequences would be used twice.
CREATE TABLE approvals.producer (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO approvals.producer DEFAULT VALUES;

-- The next producer sequence of each partition. An appending transaction locks its rows in the order of
-- (topic, partition) and holds them to its end: sequences are gapless and visible in commit order.
CREATE TABLE approvals.heads (
  topic text NOT NULL,
  partition int NOT NULL,
  next_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition)
);

-- Every event, as the bytes that are published. A stream is a request; events of other topics have none.
-- This table is the outbox as well: what lies at or above approvals.progress is not yet in the event log.
CREATE TABLE approvals.events (
  topic text NOT NULL,
  partition int NOT NULL,
  producer_seq bigint NOT NULL,
  event_id uuid NOT NULL UNIQUE,
  type text NOT NULL,
  key text NOT NULL,
  bytes bytea NOT NULL,
  stream uuid,
  version int,
  PRIMARY KEY (topic, partition, producer_seq),
  FOREIGN KEY (topic, partition) REFERENCES approvals.heads,
  UNIQUE (stream, version),
  CHECK ((stream IS NULL) = (version IS NULL))
);

-- The first sequence of each partition that the event log has not acknowledged.
CREATE TABLE approvals.progress (
  topic text NOT NULL,
  partition int NOT NULL,
  next_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition),
  FOREIGN KEY (topic, partition) REFERENCES approvals.heads
);

INSERT INTO approvals.heads (topic, partition)
SELECT topic, partition
FROM (VALUES ('approvals', 4), ('decisions', 4), ('control', 1)) AS topics (topic, partitions),
     generate_series(0, partitions - 1) AS partition;
INSERT INTO approvals.progress (topic, partition) SELECT topic, partition FROM approvals.heads;

-- Where this service stands in a partition it reads, and who holds it. `log` and `topic_id` name the
-- cluster and the topic, so that offsets of one are never taken for another's.
CREATE TABLE approvals.positions (
  log text NOT NULL,
  topic_id text NOT NULL,
  partition int NOT NULL,
  epoch bigint NOT NULL,
  next_offset bigint NOT NULL,
  PRIMARY KEY (log, topic_id, partition)
);

-- What reviewers are shown: the binding of each request, as the digest was computed from it.
CREATE TABLE approvals.bindings (
  request_id uuid PRIMARY KEY,
  binding bytea NOT NULL
);

-- The read model of requests, written with the events it follows from. `ordinal` orders pages.
CREATE TABLE approvals.requests (
  id uuid PRIMARY KEY,
  ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  version int NOT NULL,
  state text NOT NULL,
  requester text NOT NULL,
  reviewer_groups text[] NOT NULL,
  policy_hash text NOT NULL,
  rule text NOT NULL,
  routed boolean NOT NULL,
  due_at timestamptz,
  view text NOT NULL,
  outcome text
);
CREATE INDEX ON approvals.requests (state, ordinal);
CREATE INDEX ON approvals.requests (requester, ordinal);
CREATE INDEX ON approvals.requests USING gin (reviewer_groups);
CREATE INDEX ON approvals.requests (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ON approvals.requests (policy_hash) WHERE NOT routed AND state = 'pending';

-- Commands that were carried out, by the client's key: the same one again changes nothing.
CREATE TABLE approvals.commands (
  actor text NOT NULL,
  key text NOT NULL,
  fingerprint text NOT NULL,
  request_id uuid NOT NULL,
  refusal_code text,
  refusal_message text,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (actor, key)
);

-- Every policy text that was ever published, in the order of publication.
CREATE TABLE approvals.publications (
  ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hash text NOT NULL,
  version int NOT NULL,
  text text NOT NULL,
  author text NOT NULL,
  previous_hash text,
  event_id uuid NOT NULL REFERENCES approvals.events (event_id),
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON approvals.publications (hash);

-- History is appended to and never changed, by whatever role or replication session.
CREATE FUNCTION approvals.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: it is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['events', 'bindings', 'publications', 'producer'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON approvals.%I
      FOR EACH ROW EXECUTE FUNCTION approvals.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON approvals.%I
      FOR EACH STATEMENT EXECUTE FUNCTION approvals.refuse_change()', name);
    EXECUTE format('ALTER TABLE approvals.%I ENABLE ALWAYS TRIGGER append_only', name);
    EXECUTE format('ALTER TABLE approvals.%I ENABLE ALWAYS TRIGGER append_only_truncate', name);
  END LOOP;
END $$;

GRANT SELECT ON ALL TABLES IN SCHEMA approvals TO countersign_approvals;
GRANT INSERT ON approvals.events, approvals.bindings, approvals.commands, approvals.publications
  TO countersign_approvals;
GRANT UPDATE ON approvals.heads, approvals.progress TO countersign_approvals;
GRANT INSERT, UPDATE ON approvals.positions, approvals.requests TO countersign_approvals;
