import { z } from 'zod';
import { Gauge, type Registry } from '#libs/observability/metrics.js';
import { sql, type DatabasePool } from '#libs/postgres/pool.js';

/** What waits between Slack and the database, as an operator watches it. */
export function registerSlackMetrics(registry: Registry, pool: DatabasePool): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => Promise<number>): void => {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await read());
      },
    });
  };
  const value = z.object({ value: z.number() });
  gauge('countersign_slack_inbox_waiting', 'Clicks, dialogs and replies that are not carried out yet', () =>
    pool.oneFirst(sql.type(value)`
      SELECT count(*)::int AS value FROM approvals.slack_inbox WHERE done_at IS NULL`),
  );
  gauge(
    'countersign_slack_oldest_unposted_seconds',
    'Age of the oldest undecided request that Slack does not show',
    () =>
      pool.oneFirst(sql.type(value)`
      SELECT coalesce(extract(epoch FROM now() - min(message.created_at)), 0)::float8 AS value
      FROM approvals.slack_messages AS message
      JOIN approvals.requests AS request ON request.id = message.request_id
      WHERE message.ts IS NULL AND NOT message.settled AND request.state = 'pending'`),
  );
  gauge('countersign_slack_refused_messages', 'Open messages that Slack refuses: see docs/slack.md', () =>
    pool.oneFirst(sql.type(value)`
      SELECT count(*)::int AS value FROM approvals.slack_messages
      WHERE NOT settled AND problem IS NOT NULL AND attempts > 0`),
  );
}
