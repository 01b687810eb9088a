import { z } from 'zod';
import { sql, type CommonQueryMethods, type DatabasePool } from '#libs/postgres/pool.js';
import { interactionSchema, type Interaction } from './interaction.js';

/** How long a claim lasts, seconds: several times what carrying out takes. Then another process may try. */
const LEASE_S = 25;

/** Signatures are kept for longer than any of them would be accepted, seconds. */
const KEEP_SIGNATURES_S = 900;

export type Kept = 'stored' | 'known' | 'replayed' | 'not-ours';

/**
 * Stores an interaction and the signature it came with, in one transaction: durable on return. `known`:
 * an earlier delivery of the same click is stored. `replayed`: the very signature was accepted before.
 * `not-ours`: a reply in a thread that is none of ours; nothing is stored of it.
 */
export function keepInteraction(
  pool: DatabasePool,
  key: string,
  interaction: Interaction,
  signature: Buffer | undefined,
): Promise<Kept> {
  return pool.transaction(async (tx) => {
    if (signature !== undefined && !(await keepSignature(tx, signature))) return 'replayed';
    const requestId = interaction.requestId ?? (await requestOfThread(tx, interaction));
    if (requestId === undefined) return 'not-ours';
    const stored = await tx.query(sql.unsafe`
      INSERT INTO approvals.slack_inbox (key, request_id, interaction)
      VALUES (${key}, ${requestId}, ${JSON.stringify({ ...interaction, requestId })})
      ON CONFLICT (key) DO NOTHING`);
    return stored.rowCount === 1 ? 'stored' : 'known';
  });
}

/** False where it was kept before. */
export async function keepSignature(connection: CommonQueryMethods, signature: Buffer): Promise<boolean> {
  const kept = await connection.query(sql.unsafe`
    INSERT INTO approvals.slack_signatures (signature) VALUES (${sql.binary(signature)})
    ON CONFLICT (signature) DO NOTHING`);
  return kept.rowCount === 1;
}

export async function forgetOldSignatures(connection: CommonQueryMethods): Promise<void> {
  await connection.query(sql.unsafe`
    DELETE FROM approvals.slack_signatures WHERE seen_at < now() - make_interval(secs => ${KEEP_SIGNATURES_S})`);
}

async function requestOfThread(
  connection: CommonQueryMethods,
  { channel, messageTs }: Interaction,
): Promise<string | undefined> {
  const id = await connection.maybeOneFirst(sql.type(z.object({ id: z.string() }))`
    SELECT request_id::text AS id FROM approvals.slack_messages WHERE channel = ${channel} AND ts = ${messageTs}`);
  return id ?? undefined;
}

export interface Waiting {
  readonly id: bigint;
  readonly key: string;
  readonly requestId: string;
  readonly interaction: Interaction;
  /** Milliseconds since it was received, by the database's clock. */
  readonly ageMs: number;
  readonly attempts: number;
  /** What the person is to be told, where the command has been carried out already. */
  readonly answer: string | undefined;
}

/**
 * Claims the oldest interaction that is due, or the one with this key. Whoever holds it may lose it after
 * the lease: what is done with it must be harmless twice.
 */
export async function claimInteraction(
  connection: CommonQueryMethods,
  key?: string,
): Promise<Waiting | undefined> {
  const row = await connection.maybeOne(
    sql.type(
      z.object({
        id: z.bigint(),
        key: z.string(),
        request_id: z.string(),
        interaction: z.string(),
        age: z.number(),
        attempts: z.number(),
        answer: z.string().nullable(),
      }),
    )`
    UPDATE approvals.slack_inbox AS inbox
    SET next_at = now() + make_interval(secs => ${LEASE_S}), attempts = inbox.attempts + 1
    WHERE id = (
      SELECT id FROM approvals.slack_inbox
      WHERE done_at IS NULL AND next_at <= now() AND (${key ?? null}::text IS NULL OR key = ${key ?? null})
      ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, key, request_id::text, interaction, attempts, answer,
      (extract(epoch FROM now() - received_at) * 1000)::float8 AS age`,
  );
  if (row === null) return undefined;
  return {
    id: row.id,
    key: row.key,
    requestId: row.request_id,
    interaction: interactionSchema.parse(JSON.parse(row.interaction)),
    ageMs: row.age,
    attempts: row.attempts,
    answer: row.answer ?? undefined,
  };
}

export async function noteAnswer(connection: CommonQueryMethods, id: bigint, answer: string): Promise<void> {
  await connection.query(sql.unsafe`UPDATE approvals.slack_inbox SET answer = ${answer} WHERE id = ${id}`);
}

/** Nothing is left to do. The short-lived addresses in it are forgotten. */
export async function finishInteraction(
  connection: CommonQueryMethods,
  id: bigint,
  result: string,
): Promise<void> {
  await connection.query(sql.unsafe`
    UPDATE approvals.slack_inbox
    SET done_at = now(), result = ${result},
      interaction = ((interaction::jsonb) - 'responseUrl' - 'triggerId')::text
    WHERE id = ${id}`);
}

export async function postponeInteraction(
  connection: CommonQueryMethods,
  id: bigint,
  ms: number,
): Promise<void> {
  await connection.query(sql.unsafe`
    UPDATE approvals.slack_inbox SET next_at = now() + make_interval(secs => ${ms / 1000}) WHERE id = ${id}`);
}

/** Milliseconds until the next one is due; undefined when nothing waits. */
export async function nextDue(connection: CommonQueryMethods): Promise<number | undefined> {
  const due = await connection.maybeOneFirst(sql.type(z.object({ due: z.number().nullable() }))`
    SELECT (extract(epoch FROM min(next_at) - now()) * 1000)::float8 AS due
    FROM approvals.slack_inbox WHERE done_at IS NULL`);
  return due ?? undefined;
}

/** Texts of thread replies that became comments here: the thread need not repeat them. */
export async function repliesIn(
  connection: CommonQueryMethods,
  requestId: string,
  channel: string,
): Promise<string[]> {
  const rows = await connection.anyFirst(sql.type(z.object({ interaction: z.string() }))`
    SELECT interaction FROM approvals.slack_inbox WHERE request_id = ${requestId} AND key LIKE ${`reply/${channel}/%`}`);
  return rows.map((row) => interactionSchema.parse(JSON.parse(row)).text ?? '');
}
