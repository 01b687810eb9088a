-- What the Slack side of approvals keeps. Slack itself is never asked what was decided: votes are events
-- like any other; these tables only say what was received from Slack and what Slack shows.

-- Every click, dialog and thread reply, stored before Slack is told that it was received. `key` is what
-- makes it the same one when Slack, or a network, delivers it again. Rows are claimed by moving `next_at`.
CREATE TABLE approvals.slack_inbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text NOT NULL UNIQUE,
  request_id uuid NOT NULL,
  interaction text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  next_at timestamptz NOT NULL DEFAULT now(),
  attempts int NOT NULL DEFAULT 0,
  -- What the person is told; set once the command has been carried out, so that it is not repeated to tell it.
  answer text,
  done_at timestamptz,
  result text
);
CREATE INDEX ON approvals.slack_inbox (next_at) WHERE done_at IS NULL;
CREATE INDEX ON approvals.slack_inbox (request_id);

-- Signatures that were accepted, for longer than their timestamps are: none is accepted twice, by any replica.
CREATE TABLE approvals.slack_signatures (
  signature bytea PRIMARY KEY,
  seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON approvals.slack_signatures (seen_at);

-- Every copy of a request's message. `id` stands in the message's metadata, so that a copy whose posting
-- was not answered can be found again. `shown` names the state that Slack has confirmed to show.
CREATE TABLE approvals.slack_messages (
  id uuid PRIMARY KEY,
  request_id uuid NOT NULL,
  channel text NOT NULL,
  ts text,
  -- A second copy of the same message, left by an answer that was lost: shown as closed.
  superseded boolean NOT NULL DEFAULT false,
  -- Set before the first attempt to post; a row with this and without `ts` is looked for before it is posted again.
  posting_since timestamptz,
  -- It was posted more than once: at the end it is looked whether an unanswered attempt left another copy.
  reposted boolean NOT NULL DEFAULT false,
  shown text,
  -- An attempt was not answered and may still take effect: what is shown is sent again after this time.
  uncertain_until timestamptz,
  -- The version of the request whose events are told in the thread, and whether the outcome is.
  thread_version int NOT NULL DEFAULT 0,
  thread_outcome boolean NOT NULL DEFAULT false,
  thread_uncertain boolean NOT NULL DEFAULT false,
  -- none, wanted, attached, failed: the whole statement as a file in the thread.
  file text NOT NULL DEFAULT 'none',
  next_at timestamptz NOT NULL DEFAULT now(),
  attempts int NOT NULL DEFAULT 0,
  problem text,
  -- Nothing is left to do: the end is shown, without buttons, and told.
  settled boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON approvals.slack_messages (request_id);
CREATE UNIQUE INDEX ON approvals.slack_messages (channel, ts);
CREATE UNIQUE INDEX ON approvals.slack_messages (request_id, channel) WHERE NOT superseded;
CREATE INDEX ON approvals.slack_messages (next_at) WHERE NOT settled;

-- When a channel may be posted to, or a method called, again: one budget for all replicas.
CREATE TABLE approvals.slack_limits (
  name text PRIMARY KEY,
  next_at timestamptz NOT NULL
);

-- People who linked their Slack account to their signed-in identity, and the codes for doing so (hashed).
CREATE TABLE approvals.slack_links (
  team text NOT NULL,
  slack_user text NOT NULL,
  name text NOT NULL,
  issuer text NOT NULL,
  subject text NOT NULL,
  linked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (team, slack_user)
);
CREATE UNIQUE INDEX ON approvals.slack_links (name);
CREATE TABLE approvals.slack_link_codes (
  code_sha256 bytea PRIMARY KEY,
  team text NOT NULL,
  slack_user text NOT NULL,
  slack_name text NOT NULL,
  expires_at timestamptz NOT NULL
);

-- Signed webhook deliveries: what is sent, and how often it was tried.
CREATE TABLE approvals.webhook_deliveries (
  id uuid PRIMARY KEY,
  request_id uuid NOT NULL,
  event text NOT NULL,
  body text NOT NULL,
  next_at timestamptz NOT NULL DEFAULT now(),
  attempts int NOT NULL DEFAULT 0,
  delivered_at timestamptz,
  given_up_at timestamptz,
  problem text,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (request_id, event)
);
CREATE INDEX ON approvals.webhook_deliveries (next_at) WHERE delivered_at IS NULL AND given_up_at IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON approvals.slack_inbox, approvals.slack_signatures,
  approvals.slack_messages, approvals.slack_limits, approvals.slack_links, approvals.slack_link_codes,
  approvals.webhook_deliveries TO countersign_approvals;
