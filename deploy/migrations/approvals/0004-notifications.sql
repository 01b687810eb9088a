-- The webhook and e-mail share one table of what people are told: `channel` says which way, `recipient` who, `step`
-- the how manieth time they are told that a request waits.
ALTER TABLE approvals.webhook_deliveries RENAME TO notifications;
ALTER TABLE approvals.notifications
  ADD COLUMN ordinal bigint GENERATED ALWAYS AS IDENTITY,
  ADD COLUMN channel text NOT NULL DEFAULT 'webhook',
  ADD COLUMN step int NOT NULL DEFAULT 1,
  ADD COLUMN recipient text NOT NULL DEFAULT 'webhook',
  DROP CONSTRAINT webhook_deliveries_request_id_event_key,
  ADD UNIQUE (channel, request_id, event, step, recipient);
ALTER TABLE approvals.notifications
  ALTER COLUMN channel DROP DEFAULT,
  ALTER COLUMN step DROP DEFAULT,
  ALTER COLUMN recipient DROP DEFAULT;
DROP INDEX approvals.webhook_deliveries_next_at_idx;
CREATE INDEX ON approvals.notifications (channel, next_at) WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE INDEX ON approvals.notifications (channel, created_at) WHERE event = 'request.waiting';

-- Nobody reads these: what is to be told stands above, and Slack's messages follow the requests themselves.
DROP TABLE approvals.notices;
ALTER TABLE approvals.requests DROP COLUMN revision;
