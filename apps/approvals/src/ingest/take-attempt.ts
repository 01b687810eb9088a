import { z } from 'zod';
import { sql, type DatabaseTransactionConnection } from '#libs/postgres/pool.js';
import type { ReviewPlan } from '../request/domain/request-command.js';
import { refusedUntil } from '../request/domain/deadline.js';
import type { Refusal } from '../request/domain/refusal.js';
import type { Request } from '../request/domain/request-state.js';
import type { RequestUnit } from '../request/write/request-unit.js';
import { receiptDraft, type Attempt } from '../signing/receipt-draft.js';
import type { CheckedReview } from './check-review.js';
import { keepBinding } from './keep-binding.js';
import { openCommand } from './open-command.js';

type Asked = Extract<CheckedReview, { kind: 'asked' }>;

/** What a batch has opened for later attempts, by digest: not yet in the table when the next one looks. */
export type OpenedForRetry = Map<string, string>;

export interface AttemptTools {
  readonly unit: RequestUnit;
  readonly tx: DatabaseTransactionConnection;
  readonly opened: OpenedForRetry;
  readonly newId: () => string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Answers one attempt of a statement whose client does not wait, with a signed receipt. A grant for the
 * same digest (which names gateway, target, requester, bytes and settings) is used up; one that waits is
 * named, and so is a grant that an attempt comes too late for; one that was refused lately is told; else a request is opened under the attempt's own id. An
 * attempt that was answered before, by its intent, changes nothing and is not answered again: its receipt
 * is in the outbox for good.
 */
export async function takeAttempt(
  { event, digest }: Asked,
  plan: ReviewPlan | undefined,
  { unit, tx, opened, newId, now }: AttemptTools,
): Promise<Refusal | undefined> {
  const { intentId, gatewayId, sessionId } = event;
  const requestId = event.requestId as string;
  if (await wasAnswered(tx, intentId)) return undefined;
  const cause = { identity: event.identity, sessionId, causationId: event.id };
  const answerBy = event.answerBy === undefined ? undefined : Date.parse(event.answerBy);
  const spend = { type: 'spend', gatewayId, intentId, digest, answerBy } as const;

  const known = opened.get(digest) ?? (await newestFor(tx, digest));
  let answering = known;
  if (known !== undefined) {
    const spent = await unit.apply(known, spend, cause);
    if (!spent.ok) return spent.refusal;
    const state = await unit.stateOf(known);
    if (state === undefined || !answers(state, intentId, now)) answering = undefined;
  }
  if (answering === undefined) {
    const isNew = (await unit.stateOf(requestId)) === undefined;
    const decided = await unit.apply(requestId, openCommand({ event, digest }, plan), cause);
    if (!decided.ok) return decided.refusal;
    if (isNew) unit.afterAppend(() => keepBinding(tx, requestId, event.binding));
    opened.set(digest, requestId);
    // The policy may have granted it at once.
    await unit.apply(requestId, spend, cause);
    answering = requestId;
  }
  const state = await unit.stateOf(answering);
  if (state === undefined) throw new Error(`the request ${answering} has no state`);
  const attempt: Attempt = { intentId, gatewayId, digest, sessionId, causationId: event.id };
  const receiptId = newId();
  unit.publish(receiptDraft(attempt, { id: answering, state }, { id: receiptId, now }));
  await tx.query(sql.unsafe`
    INSERT INTO approvals.attempts (intent_id, request_id, receipt_id)
    VALUES (${intentId}, ${answering}, ${receiptId})`);
  return undefined;
}

/** Whether a request says something to an attempt; else the attempt asks anew. */
function answers(state: Request, intentId: string, now: number): boolean {
  if (state.status === 'pending' || state.status === 'granted') return true;
  if (state.status === 'consumed') return state.consumedBy === intentId;
  // A grant the requester took back is not held against them.
  const refused = state.status === 'refused' || (state.status === 'revoked' && !state.endedByRequester);
  return refused && now < refusedUntil(state);
}

/** The request that an attempt was answered about; undefined for an intent that was never an attempt. */
export async function requestOfAttempt(
  tx: DatabaseTransactionConnection,
  intentId: string,
): Promise<string | undefined> {
  const found = await tx.maybeOneFirst(sql.type(z.object({ request_id: z.string() }))`
    SELECT request_id::text FROM approvals.attempts WHERE intent_id = ${intentId}`);
  return found ?? undefined;
}

const wasAnswered = async (tx: DatabaseTransactionConnection, intentId: string): Promise<boolean> =>
  (await requestOfAttempt(tx, intentId)) !== undefined;

async function newestFor(tx: DatabaseTransactionConnection, digest: string): Promise<string | undefined> {
  const found = await tx.maybeOneFirst(sql.type(z.object({ id: z.string() }))`
    SELECT id::text FROM approvals.requests WHERE retry_digest = ${digest} ORDER BY ordinal DESC LIMIT 1`);
  return found ?? undefined;
}
