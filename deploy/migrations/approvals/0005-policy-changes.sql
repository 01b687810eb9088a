-- Changes of policy that wait for, or had, signatures. What happened to each is a stream of approvals.events;
-- this is the read model, written in the same transactions.
CREATE TABLE approvals.policy_changes (
  id uuid PRIMARY KEY,
  ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  state text NOT NULL,
  author text NOT NULL,
  -- Those who may sign.
  groups text[] NOT NULL,
  policy_hash text NOT NULL,
  source_hash text NOT NULL,
  previous_hash text NOT NULL,
  from_file boolean NOT NULL,
  due_at timestamptz,
  view text NOT NULL
);
-- One at a time: a new one supersedes the one before.
CREATE UNIQUE INDEX ON approvals.policy_changes ((true)) WHERE state = 'pending';
CREATE INDEX ON approvals.policy_changes (policy_hash, previous_hash);

GRANT SELECT, INSERT, UPDATE ON approvals.policy_changes TO countersign_approvals;
