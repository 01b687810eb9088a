import type { Approvable } from '#libs/contracts/events/request-events.js';
import type { StoredEvent } from '../../event-store/load-stream.js';

/** For programs: agents can tell from it what to send instead. */
export interface RefusalView {
  readonly code: 'refused' | 'refused-by-policy' | 'expired' | 'cancelled' | 'revoked';
  /** The rule that sent the statement to review, or the risk rule that refused it. */
  readonly rule: string;
  readonly by?: readonly string[];
  readonly reason?: string;
  readonly approvable?: Approvable;
}

/** What a program reads of an event that ends a request without a run; `rule` is the one that asked for review. */
export function refusalOf(rule: string, event: StoredEvent): RefusalView | undefined {
  switch (event.type) {
    case 'request.refused': {
      const { automatic, decidedBy, reason, approvable } = event;
      return {
        code: automatic === undefined ? 'refused' : 'refused-by-policy',
        rule: automatic?.rule ?? rule,
        by: decidedBy,
        reason,
        ...(approvable === undefined ? {} : { approvable }),
      };
    }
    case 'request.expired':
      return { code: 'expired', rule };
    case 'request.cancelled':
      return { code: 'cancelled', rule, reason: event.reason };
    case 'request.revoked': {
      const reason = event.reason === undefined ? {} : { reason: event.reason };
      return { code: 'revoked', rule, by: [event.by.name], ...reason };
    }
    default:
      return undefined;
  }
}
