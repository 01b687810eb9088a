import type { Reviewers } from '#libs/contracts/events/request-events.js';
import { newId } from '#libs/kernel/uuid.js';
import { decide } from '../request/domain/decide.js';
import type { CastVote, OpenRequest, RequestCommand, ReviewPlan } from '../request/domain/request-command.js';
import type { RequestEvent } from '../request/domain/request-event.js';
import { evolve, type RequestState } from '../request/domain/request-state.js';
import { actor, identityOf } from './sample-people.js';

export const NOW = Date.parse('2026-11-21T12:00:00.000Z');
export const MINUTE_MS = 60_000;
export const GATEWAY = newId();
export const INTENT = newId();
export const DIGEST = 'ab'.repeat(32);

/** A plan as a policy makes it; without more it is a plain list of who must sign. */
export const plan = (
  needed: Reviewers,
  more: Partial<ReviewPlan['route']> = {},
  automatic?: ReviewPlan['automatic'],
): ReviewPlan => ({ assessed: undefined, route: { needed, ...more }, automatic });

export const open = (
  given: ReviewPlan,
  more: Partial<OpenRequest['requested']> & { holdMs?: number } = {},
): OpenRequest => {
  const { holdMs = 15 * MINUTE_MS, ...requested } = more;
  return {
    type: 'open',
    requested: {
      requester: identityOf('alice'),
      target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
      statement: { sha256: DIGEST, bytes: 3, kind: 'GRANT', kinds: ['GRANT'], category: 'dcl' },
      verdict: { effect: 'review', rule: 'r', reason: '', policyVersion: 1, policyHash: DIGEST },
      gatewayId: GATEWAY,
      intentId: INTENT,
      digest: DIGEST,
      expiresAt: new Date(NOW + holdMs).toISOString(),
      ...requested,
    },
    plan: given,
  };
};

export const vote = (
  name: string,
  decision: 'approve' | 'deny' = 'approve',
  more: Partial<CastVote> = {},
): CastVote => ({
  type: 'cast-vote',
  voter: actor(name),
  requesterOwner: undefined,
  decision,
  reason: decision === 'deny' ? 'too risky' : undefined,
  maxRows: undefined,
  channel: undefined,
  decisionId: GATEWAY,
  ...more,
});

/** A request that commands are played on, each at a time of its own. */
export class Play {
  state: RequestState;
  readonly events: RequestEvent[] = [];

  /** Carries a command out; returns the refusal's code, or what it led to. */
  do(command: RequestCommand, now = NOW): string[] {
    const decided = decide(command, this.state, now);
    for (const event of decided.events) {
      this.events.push(event);
      this.state = evolve(this.state, event, now);
    }
    const types = decided.events.map(({ type }) => type);
    return decided.ok ? types : [decided.refusal.code, ...types];
  }

  last<T extends RequestEvent['type']>(type: T): Extract<RequestEvent, { type: T }> {
    const found = this.events.findLast((event) => event.type === type);
    if (found === undefined) throw new Error(`there is no ${type}`);
    return found as Extract<RequestEvent, { type: T }>;
  }
}
