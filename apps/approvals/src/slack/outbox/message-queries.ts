import { z } from 'zod';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import type { Interaction } from '../inbox/interaction.js';

/** How long a claim of a message lasts, seconds: its calls, each with its time limit, end before. */
export const LEASE_S = 30;

/** What a closed second copy shows; never the state of a request. */
export const CLOSED = 'closed';

const rowSchema = z.object({
  id: z.string(),
  request_id: z.string(),
  channel: z.string(),
  ts: z.string().nullable(),
  superseded: z.boolean(),
  posting_since: z.number().nullable(),
  reposted: z.boolean(),
  shown: z.string().nullable(),
  uncertain: z.boolean(),
  uncertain_due: z.boolean(),
  thread_version: z.number(),
  thread_outcome: z.boolean(),
  thread_uncertain: z.boolean(),
  file: z.enum(['none', 'wanted', 'attached', 'failed']),
  attempts: z.number(),
  lease: z.string(),
});

/** One copy of a request's message, as it stands. */
export type ClaimedMessage = z.output<typeof rowSchema>;

/**
 * Adds the messages that are missing: one for each channel a routed, undecided request goes to, also
 * where it goes to more than before because nobody decided in time.
 */
export async function addMissingMessages(
  connection: CommonQueryMethods,
  channelsFor: (groups: readonly string[]) => readonly string[],
  newId: () => string,
): Promise<void> {
  const rows = await connection.any(
    sql.type(z.object({ id: z.string(), groups: z.array(z.string()), channels: z.array(z.string()) }))`
    SELECT id::text, reviewer_groups AS groups,
      ARRAY(SELECT channel FROM approvals.slack_messages AS message
        WHERE message.request_id = request.id AND NOT message.superseded) AS channels
    FROM approvals.requests AS request
    WHERE state = 'pending' AND routed
    ORDER BY ordinal DESC LIMIT 1000`,
  );
  const values = rows.flatMap(({ id, groups, channels }) =>
    channelsFor(groups)
      .filter((channel) => !channels.includes(channel))
      .map((channel) => [newId(), id, channel]),
  );
  if (values.length === 0) return;
  await connection.query(sql.unsafe`
    INSERT INTO approvals.slack_messages (id, request_id, channel)
    SELECT * FROM ${sql.unnest(values, ['uuid', 'uuid', 'text'])}
    ON CONFLICT DO NOTHING`);
}

/**
 * Claims a message that Slack does not yet show as it is, those with outdated buttons first. Nobody else
 * claims it until the lease ends, and who lost the lease cannot note anything any more.
 */
export async function claimMessage(connection: CommonQueryMethods): Promise<ClaimedMessage | undefined> {
  const row = await connection.maybeOne(sql.type(rowSchema)`
    WITH due AS (
      SELECT message.id
      FROM approvals.slack_messages AS message
      JOIN approvals.requests AS request ON request.id = message.request_id
      CROSS JOIN LATERAL (SELECT
        CASE WHEN message.superseded THEN ${CLOSED}
          ELSE request.version || '/' || coalesce(request.outcome, '') END AS desired,
        message.superseded OR request.state IN ('refused', 'expired', 'cancelled', 'revoked')
          OR (request.state = 'consumed' AND request.outcome IS NOT NULL) AS over) AS wanted
      WHERE NOT message.settled AND message.next_at <= now()
        AND (message.ts IS NULL
          OR message.shown IS DISTINCT FROM wanted.desired
          OR message.uncertain_until <= now()
          OR (message.uncertain_until IS NULL AND wanted.over)
          OR (NOT message.superseded AND (message.file = 'wanted' OR message.thread_version < request.version
            OR (request.outcome IS NOT NULL AND NOT message.thread_outcome))))
      ORDER BY CASE WHEN message.ts IS NULL THEN 1
        WHEN message.shown IS DISTINCT FROM wanted.desired THEN 0 ELSE 2 END, message.next_at
      LIMIT 1
      FOR UPDATE OF message SKIP LOCKED)
    UPDATE approvals.slack_messages AS message
    SET next_at = date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => ${LEASE_S})
    FROM due WHERE message.id = due.id
    RETURNING message.id::text, message.request_id::text, message.channel, message.ts, message.superseded,
      (extract(epoch FROM message.posting_since) * 1000)::float8 AS posting_since,
      message.reposted, message.shown, message.uncertain_until IS NOT NULL AS uncertain,
      coalesce(message.uncertain_until <= now(), false) AS uncertain_due,
      message.thread_version, message.thread_outcome, message.thread_uncertain, message.file,
      message.attempts, message.next_at::text AS lease`);
  return row ?? undefined;
}

export interface MessageChange {
  readonly ts?: string | null;
  readonly posting?: 'begins' | 'over';
  readonly reposted?: true;
  readonly shown?: string;
  /** Milliseconds from now; null: everything sent was answered. */
  readonly uncertainForMs?: number | null;
  readonly threadVersion?: number;
  readonly threadOutcome?: true;
  readonly threadUncertain?: boolean;
  readonly file?: ClaimedMessage['file'];
  readonly attempts?: number;
  readonly problem?: string | null;
  readonly settled?: true;
  /** When to look again, ms; absent: the lease stays. */
  readonly againInMs?: number;
}

/** Notes what was done, if the lease is still held. False when it is not: somebody else goes on. */
export async function noteMessage(
  connection: CommonQueryMethods,
  message: ClaimedMessage,
  change: MessageChange,
): Promise<boolean> {
  const set = [
    change.ts === undefined ? undefined : sql.fragment`ts = ${change.ts}`,
    change.posting === 'begins' ? sql.fragment`posting_since = coalesce(posting_since, now())` : undefined,
    change.posting === 'over' ? sql.fragment`posting_since = NULL` : undefined,
    change.reposted === undefined ? undefined : sql.fragment`reposted = true`,
    change.shown === undefined ? undefined : sql.fragment`shown = ${change.shown}`,
    change.uncertainForMs === undefined
      ? undefined
      : change.uncertainForMs === null
        ? sql.fragment`uncertain_until = NULL`
        : sql.fragment`uncertain_until = now() + make_interval(secs => ${change.uncertainForMs / 1000})`,
    change.threadVersion === undefined ? undefined : sql.fragment`thread_version = ${change.threadVersion}`,
    change.threadOutcome === undefined ? undefined : sql.fragment`thread_outcome = true`,
    change.threadUncertain === undefined
      ? undefined
      : sql.fragment`thread_uncertain = ${change.threadUncertain}`,
    change.file === undefined ? undefined : sql.fragment`file = ${change.file}`,
    change.attempts === undefined ? undefined : sql.fragment`attempts = ${change.attempts}`,
    change.problem === undefined ? undefined : sql.fragment`problem = ${change.problem}`,
    change.settled === undefined ? undefined : sql.fragment`settled = true`,
    change.againInMs === undefined
      ? undefined
      : sql.fragment`next_at = now() + make_interval(secs => ${change.againInMs / 1000})`,
  ].filter((each) => each !== undefined);
  const noted = await connection.query(sql.unsafe`
    UPDATE approvals.slack_messages SET ${sql.join(set, sql.fragment`, `)}
    WHERE id = ${message.id} AND next_at = ${message.lease}::timestamptz`);
  return noted.rowCount === 1;
}

/** A second copy that was found in the channel: it will be shown as closed. */
export async function addSupersededCopy(
  connection: CommonQueryMethods,
  copy: { readonly id: string; readonly requestId: string; readonly channel: string; readonly ts: string },
): Promise<boolean> {
  const added = await connection.query(sql.unsafe`
    INSERT INTO approvals.slack_messages (id, request_id, channel, ts, superseded)
    SELECT ${copy.id}::uuid, id, ${copy.channel}, ${copy.ts}, true FROM approvals.requests WHERE id = ${copy.requestId}
    ON CONFLICT DO NOTHING`);
  return added.rowCount === 1;
}

/**
 * A click tells of the copy it was made on. One that is not known here was posted without an answer: it
 * becomes the request's message where that one is still looked for, else a second copy to be closed.
 */
export async function adoptClickedCopy(
  connection: CommonQueryMethods,
  requestId: string,
  { kind, channel, messageTs }: Interaction,
): Promise<boolean> {
  if (kind === 'reply') return false;
  const known = await connection.exists(sql.unsafe`
    SELECT 1 FROM approvals.slack_messages WHERE channel = ${channel} AND ts = ${messageTs}`);
  if (known) return false;
  const adopted = await connection.query(sql.unsafe`
    UPDATE approvals.slack_messages SET ts = ${messageTs}, posting_since = NULL, reposted = true,
      uncertain_until = now() + interval '10 seconds', next_at = now()
    WHERE request_id = ${requestId} AND channel = ${channel} AND ts IS NULL AND NOT superseded
      AND posting_since IS NOT NULL`);
  if (adopted.rowCount === 1) return true;
  const id = await connection.oneFirst(
    sql.type(z.object({ id: z.string() }))`SELECT gen_random_uuid()::text AS id`,
  );
  return addSupersededCopy(connection, { id, requestId, channel, ts: messageTs });
}
