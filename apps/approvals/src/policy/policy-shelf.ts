import { z } from 'zod';
import type { Reviewers } from '#libs/contracts/events/request-events.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import type { Policy } from '#libs/policy/policy.js';
import { readReviewRules, type ReviewRules } from '#libs/policy/review-rules.js';

/** Reads a policy from its text; rejects where the text is no policy. */
export type PolicyReader = (text: string) => Promise<Policy> | Policy;

export type Route =
  | { readonly kind: 'reviewers'; readonly needed: Reviewers; readonly rules: ReviewRules }
  /** No policy with this hash was published yet: the request waits. */
  | { readonly kind: 'unknown-policy' }
  /** The policy is known and has no such rule: whoever says otherwise is wrong. */
  | { readonly kind: 'unknown-rule' };

/** Every policy that was ever published, by the SHA-256 of its text. A text, once published, never changes. */
export class PolicyShelf {
  private readonly known = new Map<string, Policy>();
  private readonly rules = new Map<string, ReviewRules>();

  constructor(
    private readonly connection: CommonQueryMethods,
    private readonly read: PolicyReader,
  ) {}

  /** Who must sign what this rule of this policy sends to review. */
  async routeOf(hash: string, rule: string): Promise<Route> {
    const policy = await this.find(hash);
    if (policy === undefined) return { kind: 'unknown-policy' };
    const found = policy.rule(rule);
    return found === undefined || found.reviewers.length === 0
      ? { kind: 'unknown-rule' }
      : { kind: 'reviewers', needed: found.reviewers, rules: this.rulesOf(policy) };
  }

  /** What a published policy says of statements that wait; undefined where nobody published it. */
  async reviewRules(hash: string): Promise<ReviewRules | undefined> {
    const policy = await this.find(hash);
    return policy === undefined ? undefined : this.rulesOf(policy);
  }

  private rulesOf(policy: Policy): ReviewRules {
    const before = this.rules.get(policy.hash);
    const rules = before ?? readReviewRules(policy.text, `policy ${policy.hash}`);
    this.rules.set(policy.hash, rules);
    return rules;
  }

  private async find(hash: string): Promise<Policy | undefined> {
    const before = this.known.get(hash);
    if (before !== undefined) return before;
    const row = await this.connection.maybeOne(sql.type(z.object({ text: z.string() }))`
      SELECT text FROM approvals.publications WHERE hash = ${hash} LIMIT 1`);
    if (row === null) return undefined;
    try {
      const policy = await this.read(row.text);
      if (policy.hash !== hash) throw new Error(`its text has the hash ${policy.hash}`);
      this.known.set(hash, policy);
      return policy;
    } catch (cause) {
      throw new CodedError('POLICY_UNREADABLE', `the published policy ${hash}: ${messageOf(cause)}`, {
        cause,
      });
    }
  }
}
