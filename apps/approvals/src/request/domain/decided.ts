import type { Refusal, RefusalCode } from './refusal.js';
import type { RequestEvent } from './request-event.js';
import type { Request } from './request-state.js';

/**
 * What a command leads to. Events are to be stored in either case: a vote that was refused is recorded,
 * and so is what a command finds out about time.
 */
export type Decided =
  | { readonly ok: true; readonly events: readonly RequestEvent[] }
  | { readonly ok: false; readonly refusal: Refusal; readonly events: readonly RequestEvent[] };

export const accepted = (...events: RequestEvent[]): Decided => ({ ok: true, events });

export const refused = (code: RefusalCode, message: string, ...events: RequestEvent[]): Decided => ({
  ok: false,
  refusal: { code, message },
  events,
});

/** The refusal of a decision that comes after the end, or after the quorum was complete. */
export function alreadyEnded(state: Request): Decided {
  switch (state.status) {
    case 'expired':
      return refused('expired', 'The request has expired; the statement did not run.');
    case 'cancelled':
      return refused('cancelled', 'The request was cancelled before it was used.');
    case 'revoked':
      return refused('revoked', 'The grant was revoked.');
    case 'pending':
    case 'granted':
    case 'refused':
    case 'consumed':
      return refused('already-decided', `The request is already decided: ${state.status}.`);
  }
}
