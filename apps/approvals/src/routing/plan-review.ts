import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
import { joinReviewers, type ReviewRules } from '#libs/policy/review-rules.js';
import type { RiskAssessment } from '#libs/policy/evaluate-risk.js';
import { weekdays, type RoutingSource } from '#libs/policy/routing-document.js';
import type { AutomaticDecision, ReviewPlan } from '../request/domain/request-command.js';

/** What stands in request.requested and is judged. */
export type Judged = Pick<
  EventOf<'request.requested'>,
  'requester' | 'target' | 'statement' | 'verdict' | 'signals'
>;

export interface PlanContext {
  /** Whether the directory knows the requester, as the kind of actor the token says. */
  readonly verified: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly newId: () => string;
}

/** Who must sign by the rule, made stricter by risk, and how they are asked. Pure but for the ids. */
export function planReview(
  needed: Reviewers,
  rules: ReviewRules,
  judged: Judged,
  { verified, now, newId }: PlanContext,
): ReviewPlan {
  const { rule, policyHash } = judged.verdict;
  const assessment = assess(rules, judged, verified, now);
  const raised = assessment?.raise ?? [];
  const route: ReviewPlan['route'] = {
    needed: raised.reduce((all, { reviewers }) => joinReviewers(all, reviewers), needed),
    ...routed(rules.routingOf(rule)),
    ...(raised.length === 0 ? {} : { raisedBy: raised.map((each) => each.rule) }),
  };
  return {
    assessed:
      assessment === undefined
        ? undefined
        : {
            policyHash,
            assessedAt: new Date(now).toISOString(),
            verified,
            ...assessedFields(assessment),
          },
    route,
    automatic: assessment === undefined ? undefined : automaticDecision(assessment, newId),
  };
}

/** The assessment of what was asked; undefined where the policy has no risk rules. */
export const assess = (
  rules: ReviewRules,
  { statement, requester, target, verdict, signals }: Judged,
  verified: boolean,
  at: number,
): RiskAssessment | undefined =>
  rules.risk?.({ statement, requester, target, rule: verdict.rule, signals, verified, at });

/** An assessment as its event tells it. */
export function assessedFields(
  assessment: RiskAssessment,
): Pick<EventOf<'request.risk-assessed'>, 'score' | 'level' | 'reasons' | 'actions'> {
  const { score, level, reasons, raise, refuse, autoGrant } = assessment;
  return {
    score,
    level,
    reasons: [...reasons],
    actions: [
      ...raise.map(({ rule }) => ({ rule, action: 'raise' as const })),
      ...(refuse === undefined ? [] : [{ rule: refuse.rule, action: 'refuse' as const }]),
      ...(autoGrant === undefined ? [] : [{ rule: autoGrant, action: 'auto-grant' as const }]),
    ],
  };
}

function automaticDecision(assessment: RiskAssessment, newId: () => string): AutomaticDecision | undefined {
  const { refuse, autoGrant } = assessment;
  if (refuse !== undefined) {
    const { rule, reason, approvable } = refuse;
    return { verdict: 'refuse', rule, reason, approvable };
  }
  return autoGrant === undefined ? undefined : { verdict: 'grant', rule: autoGrant, decisionId: newId() };
}

const DEFAULT_REMINDERS = { factor: 2, max: 3 };

function routed(routing: RoutingSource | undefined): Omit<ReviewPlan['route'], 'needed' | 'raisedBy'> {
  if (routing === undefined) return {};
  const { order, then, reminders, windows, grant } = routing;
  return {
    ...(order === undefined ? {} : { order }),
    ...(then === undefined
      ? {}
      : { escalations: then.map(({ after, reviewers }) => ({ afterMs: after, needed: reviewers })) }),
    ...(reminders === undefined
      ? {}
      : {
          reminders: {
            firstMs: reminders.after,
            factor: reminders.factor ?? DEFAULT_REMINDERS.factor,
            max: reminders.max ?? DEFAULT_REMINDERS.max,
          },
        }),
    ...(windows === undefined
      ? {}
      : {
          windows: windows.map(({ days = [...weekdays], from, to, timeZone = 'UTC' }) => ({
            days: days.map((day) => weekdays.indexOf(day) + 1),
            from,
            to,
            timeZone,
          })),
        }),
    ...(grant === undefined ? {} : { grantLifetimeMs: grant.expires }),
  };
}
