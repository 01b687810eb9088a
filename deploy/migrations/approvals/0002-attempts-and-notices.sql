-- What came with statements that are sent again, with reviewers who are told, and with keys that are trimmed.

-- `retry_digest`: what may be used up by a later attempt; `step_at`: when somebody is to be told next.
-- `revision` grows with every event of the request and with its outcome.
ALTER TABLE approvals.requests
  ADD COLUMN retry_digest text,
  ADD COLUMN step_at timestamptz,
  ADD COLUMN revision bigint GENERATED ALWAYS AS (version::bigint * 2 + (outcome IS NOT NULL)::int) STORED;
-- Two attempts at once cannot both open a request for the same thing.
CREATE UNIQUE INDEX requests_live_retry ON approvals.requests (retry_digest) WHERE state IN ('pending', 'granted');
CREATE INDEX ON approvals.requests (retry_digest, ordinal) WHERE retry_digest IS NOT NULL;
CREATE INDEX ON approvals.requests (step_at) WHERE step_at IS NOT NULL;

-- Every attempt of a statement whose client does not wait, and the request that its receipt names.
CREATE TABLE approvals.attempts (
  intent_id uuid PRIMARY KEY,
  request_id uuid NOT NULL,
  receipt_id uuid NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);

-- What each way of telling people (Slack, a webhook) has still to be told: a request is due where
-- `told_revision` is behind. `due_at` is a lease while it is being told, and the back-off after a failure.
CREATE TABLE approvals.notices (
  notifier text NOT NULL,
  request_id uuid NOT NULL REFERENCES approvals.requests,
  revision bigint NOT NULL,
  told_version int NOT NULL DEFAULT 0,
  told_revision bigint NOT NULL DEFAULT 0,
  failures int NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (notifier, request_id)
);
CREATE INDEX ON approvals.notices (notifier, due_at) WHERE told_revision < revision;

CREATE INDEX ON approvals.commands (at);

GRANT SELECT, INSERT ON approvals.attempts TO countersign_approvals;
GRANT SELECT, INSERT, UPDATE ON approvals.notices TO countersign_approvals;
GRANT DELETE ON approvals.commands TO countersign_approvals;
