import type { ReviewPlan } from './request-command.js';
import type { RequestEvent } from './request-event.js';
import type { Request } from './request-state.js';
import { grantExpiresAt } from './deadline.js';

/** Stands in `decidedBy` where no person decided. */
export const decidedByPolicy = (rule: string): string => `policy:${rule}`;

/** What follows from the policy's plan for a pending request: how risky, who must sign, what needs nobody. */
export function routeEvents(state: Request, plan: ReviewPlan, now: number): RequestEvent[] {
  const events: RequestEvent[] = [];
  if (plan.assessed !== undefined) events.push({ type: 'request.risk-assessed', ...plan.assessed });
  events.push({ type: 'request.routed', ...plan.route });
  const { automatic } = plan;
  if (automatic === undefined) return events;
  const by = { decidedBy: [decidedByPolicy(automatic.rule)], automatic: { rule: automatic.rule } };
  if (automatic.verdict === 'refuse') {
    const { reason, approvable } = automatic;
    const more = approvable === undefined ? {} : { approvable };
    return [...events, { type: 'request.refused', ...by, reason, ...more }];
  }
  const routed: Request = { ...state, route: { ...plan.route, quorums: [plan.route.needed] } };
  return [
    ...events,
    {
      type: 'request.granted',
      ...by,
      digest: state.digest,
      decisionId: automatic.decisionId,
      grantExpiresAt: new Date(grantExpiresAt(routed, now)).toISOString(),
    },
  ];
}
