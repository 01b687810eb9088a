import type { OpenRequest, ReviewPlan } from '../request/domain/request-command.js';
import type { CheckedReview } from './check-review.js';

type Asked = Pick<Extract<CheckedReview, { kind: 'asked' }>, 'event' | 'digest'>;

/** Opens a request from a gateway's question; without a plan it waits for the policy to become known. */
export const openCommand = ({ event, digest }: Asked, plan: ReviewPlan | undefined): OpenRequest => ({
  type: 'open',
  requested: {
    requester: event.binding.requester,
    target: event.binding.target,
    statement: event.statement,
    verdict: event.verdict,
    gatewayId: event.gatewayId,
    intentId: event.intentId,
    digest,
    expiresAt: event.holdExpiresAt,
    ...(event.signals === undefined ? {} : { signals: event.signals }),
    ...(event.wait === undefined ? {} : { wait: event.wait }),
  },
  plan,
});
