import type { EventDraft } from '../event-store/event-draft.js';
import type { RequestEvent } from '../request/domain/request-event.js';
import { GRANT_LIFETIME_MS } from '../request/domain/deadline.js';
import type { Request } from '../request/domain/request-state.js';

/** As many names as a decision carries (libs/contracts/events/decision-events.ts). */
const MAX_NAMES = 64;

/** Where and about what a decision is. */
export interface DecisionContext {
  readonly requestId: string;
  readonly sessionId: string | undefined;
  /** The event that decided: request.granted or request.refused. */
  readonly causationId: string;
  /** The id of a decision that grants stands in the event; a refusal gets this one. */
  readonly newId: () => string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * The decision to be signed and sent to the gateway that holds the statement, undefined when the event
 * decides nothing, or nobody waits: an attempt of a client that does not is answered with a receipt.
 * `request` is the state before the event. The digest is the one computed here when the
 * request was opened, from the bytes the reviewers were shown.
 */
export function decisionDraft(
  event: RequestEvent,
  request: Request,
  context: DecisionContext,
): EventDraft | undefined {
  if (event.type !== 'request.granted' && event.type !== 'request.refused') return undefined;
  if (request.wait === 'retry') return undefined;
  const granted = event.type === 'request.granted';
  const expiresAt = granted
    ? event.grantExpiresAt
    : new Date(Math.min(request.expiresAt, context.now + GRANT_LIFETIME_MS)).toISOString();
  return {
    id: (granted ? event.decisionId : undefined) ?? context.newId(),
    type: 'decision.issued',
    key: request.gatewayId,
    requestId: context.requestId,
    sessionId: context.sessionId,
    causationId: context.causationId,
    place: undefined,
    fields: {
      gatewayId: request.gatewayId,
      verdict: granted ? 'granted' : 'refused',
      digest: request.digest,
      issuedAt: new Date(context.now).toISOString(),
      expiresAt,
      decidedBy: event.decidedBy.slice(0, MAX_NAMES),
      ...(granted ? {} : { reason: event.reason }),
      ...(granted && event.maxRows !== undefined ? { maxRows: event.maxRows } : {}),
    },
  };
}
