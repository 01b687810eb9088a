import type { EventOf } from '#libs/contracts/events/registry.js';
import type { ReviewRules } from '#libs/policy/review-rules.js';
import type { StoredEvent } from '../../event-store/load-stream.js';
import { assess, assessedFields } from '../../routing/plan-review.js';

type Assessed = ReturnType<typeof assessedFields>;

/** Why a request is where it is: what was judged, by which rules, and whether the same comes out today. */
export interface Explanation {
  readonly id: string;
  readonly verdict: EventOf<'request.requested'>['verdict'];
  /** Everything the assessment was made from; with the policy's text it can be made again anywhere. */
  readonly inputs: object;
  readonly assessment: Assessed | null;
  /** The assessment made again now from the stored inputs; null where the policy has no risk rules. */
  readonly derived: Assessed | null;
  /** Whether both are the same, byte for byte; null where the policy is not known here. */
  readonly same: boolean | null;
  readonly route: object | null;
  readonly decision: object | null;
}

/** Explains a request from its whole stream. `rules`: of the policy its verdict names; undefined: not known here. */
export function explainRequest(stream: readonly StoredEvent[], rules: ReviewRules | undefined): Explanation {
  const requested = find(stream, 'request.requested');
  if (requested === undefined) throw new Error('a request without request.requested');
  const assessed = find(stream, 'request.risk-assessed');
  const routed = find(stream, 'request.routed');
  const { requester, target, statement, verdict, signals } = requested;
  const verified = assessed?.verified ?? false;
  const assessment = assessed === undefined ? null : storedFields(assessed);
  // An unrouted request was not assessed either: there is nothing to compare.
  const again =
    rules === undefined || routed === undefined
      ? undefined
      : assess(rules, requested, verified, Date.parse(assessed?.assessedAt ?? requested.time));
  const derived = again === undefined ? null : assessedFields(again);
  return {
    id: requested.requestId as string,
    verdict,
    inputs: {
      policyHash: verdict.policyHash,
      statement,
      requester,
      target,
      signals: signals ?? null,
      verified,
      assessedAt: assessed?.assessedAt ?? null,
    },
    assessment,
    derived,
    same: rules === undefined ? null : JSON.stringify(assessment) === JSON.stringify(derived),
    route: routed === undefined ? null : withoutEnvelope(routed),
    decision: decisionOf(stream),
  };
}

const storedFields = ({ score, level, reasons, actions }: EventOf<'request.risk-assessed'>): Assessed => ({
  score,
  level,
  reasons,
  actions,
});

function withoutEnvelope(event: EventOf<'request.routed'>): object {
  const { needed, order, escalations, reminders, windows, grantLifetimeMs, raisedBy } = event;
  return { needed, order, escalations, reminders, windows, grantLifetimeMs, raisedBy };
}

function decisionOf(stream: readonly StoredEvent[]): object | null {
  const granted = find(stream, 'request.granted');
  if (granted !== undefined) {
    const { decidedBy, automatic, maxRows, grantExpiresAt, digest } = granted;
    return { verdict: 'granted', decidedBy, automatic, maxRows, grantExpiresAt, digest };
  }
  const refused = find(stream, 'request.refused');
  if (refused === undefined) return null;
  const { decidedBy, automatic, reason, approvable } = refused;
  return { verdict: 'refused', decidedBy, automatic, reason, approvable };
}

const find = <T extends StoredEvent['type']>(
  stream: readonly StoredEvent[],
  type: T,
): Extract<StoredEvent, { type: T }> | undefined =>
  stream.find((event): event is Extract<StoredEvent, { type: T }> => event.type === type);
