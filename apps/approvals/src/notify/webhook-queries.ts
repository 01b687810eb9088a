import { z } from 'zod';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import type { RequestView } from '../request/read/request-view.js';
import { webhookBody, webhookEvents, type WebhookEvent } from './webhook-body.js';

/** How long a claimed delivery belongs to whoever sends it, seconds. */
const LEASE_S = 30;
const AT_ONCE = 100;

/**
 * Adds a notification for each undecided request that has none: at once, or, where Slack is the first
 * channel, when Slack has not shown it for `afterMs`. Looks at tables only: any replica may, and none
 * needs to remember.
 */
export async function addWaiting(
  connection: CommonQueryMethods,
  afterMs: number | undefined,
  link: string,
  newId: () => string,
): Promise<void> {
  const rows = await connection.any(sql.type(z.object({ view: z.string() }))`
    SELECT view FROM approvals.requests AS request
    WHERE state = 'pending' AND routed
      AND NOT EXISTS (SELECT 1 FROM approvals.webhook_deliveries AS sent
        WHERE sent.request_id = request.id AND sent.event = 'request.waiting')
      AND (${afterMs === undefined} OR (
        (view::jsonb ->> 'createdAt')::timestamptz < now() - make_interval(secs => ${(afterMs ?? 0) / 1000})
        AND NOT EXISTS (SELECT 1 FROM approvals.slack_messages AS message
          WHERE message.request_id = request.id AND message.ts IS NOT NULL)))
    ORDER BY ordinal LIMIT ${AT_ONCE}`);
  for (const row of rows)
    await add(connection, 'request.waiting', JSON.parse(row.view) as RequestView, link, newId);
}

/** Adds the ends, and the uses, of requests whose waiting was notified. */
export async function addEnds(
  connection: CommonQueryMethods,
  link: string,
  newId: () => string,
): Promise<void> {
  const rows = await connection.any(sql.type(z.object({ view: z.string() }))`
    SELECT request.view FROM approvals.webhook_deliveries AS waiting
    JOIN approvals.requests AS request ON request.id = waiting.request_id
    WHERE waiting.event = 'request.waiting' AND request.state <> 'pending'
      AND NOT EXISTS (SELECT 1 FROM approvals.webhook_deliveries AS sent
        WHERE sent.request_id = request.id AND sent.event = 'request.' || request.state)
      AND waiting.created_at > now() - interval '8 days'
    ORDER BY waiting.created_at LIMIT ${AT_ONCE}`);
  for (const row of rows) {
    const view = JSON.parse(row.view) as RequestView;
    const event = webhookEvents.find((each) => each === `request.${view.state}`);
    if (event !== undefined) await add(connection, event, view, link, newId);
  }
}

async function add(
  connection: CommonQueryMethods,
  event: WebhookEvent,
  view: RequestView,
  link: string,
  newId: () => string,
): Promise<void> {
  const id = newId();
  await connection.query(sql.unsafe`
    INSERT INTO approvals.webhook_deliveries (id, request_id, event, body)
    VALUES (${id}, ${view.id}, ${event}, ${webhookBody(event, id, view, link)})
    ON CONFLICT (request_id, event) DO NOTHING`);
}

export interface Delivery {
  readonly id: string;
  readonly requestId: string;
  readonly event: string;
  readonly body: string;
  /** This one included. */
  readonly attempts: number;
}

/** Claims the notification that has been due longest. */
export async function claimDelivery(connection: CommonQueryMethods): Promise<Delivery | undefined> {
  const row = await connection.maybeOne(sql.type(
    z.object({
      id: z.string(),
      request_id: z.string(),
      event: z.string(),
      body: z.string(),
      attempts: z.number(),
    }),
  )`
    UPDATE approvals.webhook_deliveries AS delivery
    SET attempts = delivery.attempts + 1, next_at = now() + make_interval(secs => ${LEASE_S})
    WHERE id = (SELECT id FROM approvals.webhook_deliveries
      WHERE delivered_at IS NULL AND given_up_at IS NULL AND next_at <= now()
      ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id::text, request_id::text, event, body, attempts`);
  return row === null
    ? undefined
    : { id: row.id, requestId: row.request_id, event: row.event, body: row.body, attempts: row.attempts };
}

export async function noteDelivered(connection: CommonQueryMethods, id: string): Promise<void> {
  await connection.query(sql.unsafe`
    UPDATE approvals.webhook_deliveries SET delivered_at = now(), problem = NULL WHERE id = ${id}`);
}

/** `againInMs` undefined: nobody tries any more. */
export async function noteUndelivered(
  connection: CommonQueryMethods,
  id: string,
  problem: string,
  againInMs: number | undefined,
): Promise<void> {
  await connection.query(sql.unsafe`
    UPDATE approvals.webhook_deliveries
    SET problem = ${problem.slice(0, 500)},
      given_up_at = CASE WHEN ${againInMs === undefined} THEN now() END,
      next_at = now() + make_interval(secs => ${(againInMs ?? 0) / 1000})
    WHERE id = ${id} AND delivered_at IS NULL`);
}
