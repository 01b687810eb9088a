import type { Policy } from '#libs/policy/policy.js';

/** The policy statements are judged by now. Replaced whole; there is always one. */
export class PolicyInForce {
  private policy: Policy;

  constructor(first: Policy) {
    this.policy = first;
  }

  get current(): Policy {
    return this.policy;
  }

  replace(policy: Policy): void {
    this.policy = policy;
  }
}
