import type { Identity } from '#libs/contracts/identity.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { Explanation } from '#libs/policy/policy.js';
import type { MessageAnalysis } from '#libs/sql/analysis.js';
import type { Estimate } from './estimate.js';
import type { FoundPolicy } from './find-policy.js';

/** A statement, whose it is, and what a policy says of it. */
export interface Explained {
  readonly found: FoundPolicy;
  readonly identity: Identity;
  readonly target: Target;
  readonly analysis: MessageAnalysis;
  readonly explanation: Explanation;
  readonly estimate: Estimate;
}
