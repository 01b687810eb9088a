import { z } from 'zod';
import { sha256Hex } from '#libs/kernel/hash.js';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import type { Refusal, RefusalCode } from '../domain/refusal.js';

/** Makes a command idempotent: the same key of the same actor is carried out once. */
export interface ClientKey {
  readonly actor: string;
  readonly key: string;
  /** SHA-256 of what was asked: the same key with something else is an error of the client. */
  readonly fingerprint: string;
  /**
   * True where the client sent none and the key was derived from the command itself. Such a key is kept
   * for what was accepted only: a refusal may turn into its opposite when groups change.
   */
  readonly derived: boolean;
}

/** The key of a command: the client's own (Idempotency-Key), else one derived from what is asked. */
export function clientKey(actor: string, header: string | undefined, command: readonly unknown[]): ClientKey {
  const fingerprint = sha256Hex(Buffer.from(JSON.stringify(command), 'utf8'));
  return header === undefined
    ? { actor, key: `derived:${fingerprint}`, fingerprint, derived: true }
    : { actor, key: `client:${header}`, fingerprint, derived: false };
}

export type Earlier = { kind: 'none' } | { kind: 'same'; refusal: Refusal | undefined } | { kind: 'other' };

/** What the key was used for before. */
export async function findEarlier(connection: CommonQueryMethods, key: ClientKey): Promise<Earlier> {
  const row = await connection.maybeOne(
    sql.type(
      z.object({
        fingerprint: z.string(),
        refusal_code: z.string().nullable(),
        refusal_message: z.string().nullable(),
      }),
    )`
    SELECT fingerprint, refusal_code, refusal_message FROM approvals.commands
    WHERE actor = ${key.actor} AND key = ${key.key}`,
  );
  if (row === null) return { kind: 'none' };
  if (row.fingerprint !== key.fingerprint) return { kind: 'other' };
  if (row.refusal_code === null) return { kind: 'same', refusal: undefined };
  const code = row.refusal_code as RefusalCode;
  return { kind: 'same', refusal: { code, message: row.refusal_message ?? '' } };
}

/** Keeps the key with its answer, in the transaction that carries the command out. */
export async function keepKey(
  tx: CommonQueryMethods,
  key: ClientKey,
  requestId: string,
  refusal: Refusal | undefined,
): Promise<void> {
  await tx.query(sql.unsafe`
    INSERT INTO approvals.commands (actor, key, fingerprint, request_id, refusal_code, refusal_message)
    VALUES (${key.actor}, ${key.key}, ${key.fingerprint}, ${requestId},
      ${refusal?.code ?? null}, ${refusal?.message ?? null})`);
}
