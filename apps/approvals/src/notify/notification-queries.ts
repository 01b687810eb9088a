import { z } from 'zod';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import type { RequestView } from '../request/read/request-view.js';
import { notifiedEvents, type Delivery, type Notification, type Notifier } from './notifier.js';

/** How long a claimed notification belongs to whoever sends it, seconds. */
const LEASE_S = 30;
const AT_ONCE = 100;

/** Stands for the recipient where nobody could be found to tell. */
const NOBODY = '';

/** Of a request that waited for a step nobody could be told of. */
export interface Untold {
  readonly requestId: string;
  readonly step: number;
}

/**
 * Adds a notification for each undecided request that has none, or not for the last time its reviewers were told: at
 * once, or, where Slack is the first channel, when some channel of Slack has not shown it for `afterMs`. Looks at
 * tables only: any replica may, and none needs to remember. Returns where there was nobody to tell.
 */
export async function addWaiting(
  connection: CommonQueryMethods,
  notifier: Notifier,
  afterMs: number | undefined,
  newId: () => string,
): Promise<Untold[]> {
  const since = sql.fragment`now() - make_interval(secs => ${(afterMs ?? 0) / 1000})`;
  const rows = await connection.any(sql.type(z.object({ view: z.string(), told: z.number() }))`
    SELECT view, told.steps AS told
    FROM approvals.requests AS request
    CROSS JOIN LATERAL (SELECT coalesce(max(step), 0)::int AS steps FROM approvals.notifications AS sent
      WHERE sent.channel = ${notifier.channel} AND sent.request_id = request.id
        AND sent.event = 'request.waiting') AS told
    WHERE state = 'pending' AND routed
      AND told.steps < CASE WHEN ${notifier.everyStep}
        THEN coalesce(jsonb_array_length(view::jsonb -> 'notified'), 0) ELSE 1 END
      AND (${afterMs === undefined}
        OR EXISTS (SELECT 1 FROM approvals.slack_messages AS message
          WHERE message.request_id = request.id AND NOT message.superseded AND message.ts IS NULL
            AND message.created_at < ${since})
        OR (NOT EXISTS (SELECT 1 FROM approvals.slack_messages AS message WHERE message.request_id = request.id)
          AND (view::jsonb ->> 'createdAt')::timestamptz < ${since}))
    ORDER BY ordinal LIMIT ${AT_ONCE}`);
  const untold: Untold[] = [];
  for (const row of rows) {
    const view = JSON.parse(row.view) as RequestView;
    const steps = notifier.everyStep ? (view.notified?.length ?? 0) : 1;
    for (let step = row.told + 1; step <= steps; step += 1) {
      const recipients = await notifier.recipients(view, step);
      if (recipients.length === 0) untold.push({ requestId: view.id, step });
      await add(connection, notifier, { event: 'request.waiting', step }, view, recipients, newId);
    }
  }
  return untold;
}

/** Adds the ends, and the uses, of requests for those who were told that they wait. */
export async function addEnds(
  connection: CommonQueryMethods,
  notifier: Notifier,
  newId: () => string,
): Promise<void> {
  const rows = await connection.any(sql.type(z.object({ view: z.string(), recipient: z.string() }))`
    SELECT request.view, waiting.recipient
    FROM (SELECT DISTINCT request_id, recipient FROM approvals.notifications
      WHERE channel = ${notifier.channel} AND event = 'request.waiting' AND given_up_at IS NULL
        AND created_at > now() - interval '8 days') AS waiting
    JOIN approvals.requests AS request ON request.id = waiting.request_id
    WHERE request.state <> 'pending'
      AND NOT EXISTS (SELECT 1 FROM approvals.notifications AS sent
        WHERE sent.channel = ${notifier.channel} AND sent.request_id = request.id
          AND sent.recipient = waiting.recipient AND sent.event = 'request.' || request.state)
    ORDER BY request.ordinal LIMIT ${AT_ONCE}`);
  for (const row of rows) {
    const view = JSON.parse(row.view) as RequestView;
    const event = notifiedEvents.find((each) => each === `request.${view.state}`);
    if (event !== undefined)
      await add(connection, notifier, { event, step: 1 }, view, [row.recipient], newId);
  }
}

/** One statement: all recipients are told of it, or it is looked at again. Nobody counts as told as well. */
async function add(
  connection: CommonQueryMethods,
  notifier: Notifier,
  about: Omit<Notification, 'id'>,
  view: RequestView,
  recipients: readonly string[],
  newId: () => string,
): Promise<void> {
  const { event, step } = about;
  const nobody = recipients.length === 0;
  const rows = (nobody ? [NOBODY] : recipients).map((recipient) => {
    const id = newId();
    return [id, recipient, nobody ? '' : notifier.body({ id, ...about }, view)];
  });
  await connection.query(sql.unsafe`
    INSERT INTO approvals.notifications (id, channel, request_id, event, step, recipient, body, given_up_at, problem)
    SELECT id, ${notifier.channel}, ${view.id}::uuid, ${event}, ${step}::int, recipient, body,
      CASE WHEN ${nobody} THEN now() END, ${nobody ? 'nobody to tell' : null}::text
    FROM ${sql.unnest(rows, ['uuid', 'text', 'text'])} AS told (id, recipient, body)
    ON CONFLICT (channel, request_id, event, step, recipient) DO NOTHING`);
}

/** Claims the notification that has been due longest; none before an earlier one of its request and recipient. */
export async function claimDelivery(
  connection: CommonQueryMethods,
  channel: string,
): Promise<Delivery | undefined> {
  const row = await connection.maybeOne(sql.type(
    z.object({
      id: z.string(),
      request_id: z.string(),
      event: z.string(),
      recipient: z.string(),
      body: z.string(),
      attempts: z.number(),
    }),
  )`
    UPDATE approvals.notifications AS delivery
    SET attempts = delivery.attempts + 1, next_at = now() + make_interval(secs => ${LEASE_S})
    WHERE id = (SELECT id FROM approvals.notifications AS due
      WHERE channel = ${channel} AND delivered_at IS NULL AND given_up_at IS NULL AND next_at <= now()
        AND NOT EXISTS (SELECT 1 FROM approvals.notifications AS earlier
          WHERE earlier.channel = due.channel AND earlier.request_id = due.request_id
            AND earlier.recipient = due.recipient AND earlier.ordinal < due.ordinal
            AND earlier.delivered_at IS NULL AND earlier.given_up_at IS NULL)
      ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id::text, request_id::text, event, recipient, body, attempts`);
  if (row === null) return undefined;
  const { request_id: requestId, ...delivery } = row;
  return { requestId, ...delivery };
}

export async function noteDelivered(connection: CommonQueryMethods, id: string): Promise<void> {
  await connection.query(sql.unsafe`
    UPDATE approvals.notifications SET delivered_at = now(), problem = NULL WHERE id = ${id}`);
}

/** `againInMs` undefined: nobody tries any more. */
export async function noteUndelivered(
  connection: CommonQueryMethods,
  id: string,
  problem: string,
  againInMs: number | undefined,
): Promise<void> {
  await connection.query(sql.unsafe`
    UPDATE approvals.notifications
    SET problem = ${problem.slice(0, 500)},
      given_up_at = CASE WHEN ${againInMs === undefined} THEN now() END,
      next_at = now() + make_interval(secs => ${(againInMs ?? 0) / 1000})
    WHERE id = ${id} AND delivered_at IS NULL`);
}
