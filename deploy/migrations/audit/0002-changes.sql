-- The register of changes: one row for each statement that changes something, rebuilt from the ledger at
-- any time. A new shape gets a new number beside this one; the view is what readers use.
SET LOCAL ROLE countersign_ledger_owner;

-- How far a projection has read each chain: entries below next_seq are in it. Moved by compare-and-swap,
-- in the transaction that stores the rows.
CREATE TABLE projections.positions (
  projection text NOT NULL,
  chain int NOT NULL,
  next_seq bigint NOT NULL,
  -- Why it stands still at next_seq, when it does: an event it cannot read is never skipped in silence.
  stopped text,
  PRIMARY KEY (projection, chain)
);

-- An operator's word that a projection may go past an entry it cannot read (deploy/runbooks).
CREATE TABLE projections.passed_over (
  projection text NOT NULL,
  chain int NOT NULL,
  seq bigint NOT NULL,
  passed_by text NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (projection, chain, seq)
);

CREATE TABLE projections.changes_v1 (
  intent_id uuid PRIMARY KEY,
  chain int NOT NULL,
  seq bigint NOT NULL,
  intended_at bigint NOT NULL,
  request_id uuid,
  session_id uuid,
  who text,
  who_kind text,
  on_behalf_of text,
  target text NOT NULL,
  environment text NOT NULL,
  database text NOT NULL,
  kind text NOT NULL,
  category text NOT NULL,
  statement_sha256 text NOT NULL,
  statement_text text,
  rule text NOT NULL,
  effect text NOT NULL,
  policy_version int NOT NULL,
  outcome text,
  outcome_at bigint,
  rows bigint,
  sqlstate text,
  reason text
);
CREATE INDEX changes_v1_time ON projections.changes_v1 (intended_at, intent_id);
CREATE INDEX changes_v1_request ON projections.changes_v1 (request_id) WHERE request_id IS NOT NULL;

-- What approvals decided on a request. Order across topics is never assumed, so it stands on its own.
CREATE TABLE projections.change_decisions_v1 (
  request_id uuid PRIMARY KEY,
  decision text NOT NULL,
  decided_by text[] NOT NULL,
  decided_at bigint NOT NULL,
  reason text
);

CREATE VIEW projections.changes AS
  SELECT c.*, d.decision, coalesce(d.decided_by, '{}') AS decided_by, d.decided_at, d.reason AS decision_reason
  FROM projections.changes_v1 c LEFT JOIN projections.change_decisions_v1 d USING (request_id);

GRANT INSERT, UPDATE ON projections.positions, projections.changes_v1, projections.change_decisions_v1
  TO countersign_audit;

RESET ROLE;
