import { decisionIssued, holdProgressed, receiptIssued } from '#libs/contracts/events/decision-events.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
import { verifyEvent, type TrustedKeys } from '#libs/contracts/event-signature.js';

export type Decision = EventOf<'decision.issued'> & { readonly requestId: string };

/** The answer to one attempt of a statement whose client does not wait. */
export type Receipt = EventOf<'receipt.issued'> & { readonly requestId: string };

/** How far the review of a held statement has come: told to its client, and decides nothing. */
export type Progress = EventOf<'hold.progressed'> & { readonly requestId: string };

export type DecisionProblem = EventOf<'decision.rejected'>['reason'];

/** How far another clock may be off, in milliseconds (DESIGN.md, Single use). */
export const CLOCK_SKEW_MS = 30_000;

export type DecisionReading =
  | { readonly ok: true; readonly decision: Decision | Receipt | Progress }
  | {
      readonly ok: false;
      readonly reason: DecisionProblem;
      readonly detail: string;
      readonly id?: string;
      readonly requestId?: string;
    };

/** Reads a record of the decisions topic: signature first, then only what was signed. */
export function readDecision(bytes: Buffer, trusted: TrustedKeys): DecisionReading {
  const signature = verifyEvent(bytes, trusted);
  if (!signature.ok) return { ok: false, reason: 'forged', detail: signature.problem, ...claims(bytes) };
  let json: unknown;
  try {
    json = JSON.parse(signature.body.toString('utf8'));
  } catch {
    return { ok: false, reason: 'malformed', detail: 'not JSON' };
  }
  const type = (json as { type?: unknown } | null)?.type;
  const definition = [receiptIssued, holdProgressed].find((each) => each.type === type) ?? decisionIssued;
  const parsed = definition.schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return {
      ok: false,
      reason: 'malformed',
      detail: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`,
      ...claims(signature.body),
    };
  }
  const { requestId } = parsed.data;
  if (requestId === undefined)
    return { ok: false, reason: 'malformed', detail: 'it names no request', id: parsed.data.id };
  return { ok: true, decision: { ...parsed.data, requestId } as Decision | Receipt | Progress };
}

/** Whether a decision may be acted on now. `undefined` is yes. */
export function decisionProblem(
  decision: Decision | Receipt,
  at: {
    readonly gatewayId: string;
    readonly tenant: string;
    readonly now: number;
    readonly used: (decisionId: string) => boolean;
  },
): { readonly reason: DecisionProblem; readonly detail: string } | undefined {
  const issued = Date.parse(decision.issuedAt);
  const expires = Date.parse(decision.expiresAt);
  if (decision.gatewayId !== at.gatewayId)
    return { reason: 'another-gateway', detail: `it is for gateway ${decision.gatewayId}` };
  if (decision.tenant !== at.tenant) return { reason: 'malformed', detail: 'it is for another tenant' };
  if (at.used(decision.id)) return { reason: 'replayed', detail: 'it was used before' };
  if (issued > at.now + CLOCK_SKEW_MS)
    return { reason: 'clock-skew', detail: `it was issued at ${decision.issuedAt}, which is yet to come` };
  if (expires + CLOCK_SKEW_MS < at.now)
    return { reason: 'expired', detail: `it expired at ${decision.expiresAt}` };
  return undefined;
}

/** What an unsigned record says of itself: for the report alone, never acted on. */
function claims(bytes: Buffer): { id?: string; requestId?: string } {
  const claimed = (name: string): string | undefined =>
    new RegExp(`"${name}":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"`).exec(
      bytes.toString('utf8', 0, 4096),
    )?.[1];
  const id = claimed('id');
  const requestId = claimed('requestId');
  return { ...(id === undefined ? {} : { id }), ...(requestId === undefined ? {} : { requestId }) };
}
