import type { Directory } from '#libs/identity/directory.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { PolicyShelf } from '../policy/policy-shelf.js';
import type { ReviewPlan } from '../request/domain/request-command.js';
import { planReview, type Judged } from './plan-review.js';

export type Planned =
  | { readonly kind: 'plan'; readonly plan: ReviewPlan }
  /** No policy with this hash was published yet: the request waits. */
  | { readonly kind: 'unknown-policy' }
  /** The policy is known and has no such rule: whoever says otherwise is wrong. */
  | { readonly kind: 'unknown-rule' };

/** Makes the plan of a review from the policy version that its verdict names and from the directory. */
export class ReviewPlanner {
  constructor(
    private readonly shelf: PolicyShelf,
    private readonly directory: Directory,
    private readonly clock: Clock,
    private readonly newId: () => string,
  ) {}

  async plan(judged: Judged): Promise<Planned> {
    const { policyHash, rule } = judged.verdict;
    const route = await this.shelf.routeOf(policyHash, rule);
    if (route.kind !== 'reviewers') return route;
    const { requester } = judged;
    const person = await this.directory.find(requester.name);
    const plan = planReview(route.needed, route.rules, judged, {
      verified: person !== undefined && person.kind === requester.kind,
      now: this.clock.now(),
      newId: this.newId,
    });
    return { kind: 'plan', plan };
  }
}
