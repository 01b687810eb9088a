import type { EventDraft } from '../event-store/event-draft.js';
import { refusedUntil } from '../request/domain/deadline.js';
import type { Request } from '../request/domain/request-state.js';

/** As many names as a receipt carries (libs/contracts/events/decision-events.ts). */
const MAX_NAMES = 64;

/** A receipt that lets an attempt run is good for so long, ms: the gateway waits for it with the client. */
const RECEIPT_LIFETIME_MS = 60_000;

/** One attempt of a statement whose client does not wait. */
export interface Attempt {
  readonly intentId: string;
  readonly gatewayId: string;
  readonly digest: string;
  readonly sessionId: string | undefined;
  /** The review.asked it came with. */
  readonly causationId: string;
}

/**
 * The signed answer to an attempt, from the state of the request that answers it. `consumed` only where
 * the grant was used up for this very attempt. `now`: ms since 1970.
 */
export function receiptDraft(
  attempt: Attempt,
  request: { readonly id: string; readonly state: Request },
  receipt: { readonly id: string; readonly now: number },
): EventDraft {
  const { intentId, gatewayId, digest, sessionId, causationId } = attempt;
  return {
    id: receipt.id,
    type: 'receipt.issued',
    key: gatewayId,
    requestId: request.id,
    sessionId,
    causationId,
    place: undefined,
    fields: {
      gatewayId,
      intentId,
      digest,
      issuedAt: new Date(receipt.now).toISOString(),
      ...answer(request.state, intentId, receipt.now),
    },
  };
}

function answer(state: Request, intentId: string, now: number): Record<string, unknown> {
  const { grant } = state;
  if (state.status === 'consumed' && state.consumedBy === intentId && grant !== undefined) {
    return {
      verdict: 'consumed',
      decisionId: grant.decisionId,
      expiresAt: new Date(Math.min(grant.expiresAt, now + RECEIPT_LIFETIME_MS)).toISOString(),
      decidedBy: grant.decidedBy.slice(0, MAX_NAMES),
      ...(grant.maxRows === undefined ? {} : { maxRows: grant.maxRows }),
    };
  }
  if (state.status === 'pending')
    return { verdict: 'pending', expiresAt: new Date(state.expiresAt).toISOString() };
  // It came after its time: the grant stays for the next attempt.
  if (state.status === 'granted' && grant !== undefined)
    return { verdict: 'pending', expiresAt: new Date(grant.expiresAt).toISOString() };
  return {
    verdict: 'refused',
    expiresAt: new Date(Math.max(now, refusedUntil(state))).toISOString(),
    decidedBy: (state.endedBy ?? []).slice(0, MAX_NAMES),
    ...(state.endReason === undefined ? {} : { reason: state.endReason }),
  };
}
