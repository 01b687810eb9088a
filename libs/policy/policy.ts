import type { Effect } from '#libs/contracts/events/statement-events.js';
import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { Identity } from '#libs/contracts/identity.js';
import type { MessageAnalysis } from '#libs/sql/analysis.js';

/** What a policy judges: one message (all its statements) of one identity at one target. */
export interface PolicyInput {
  readonly analysis: MessageAnalysis;
  readonly identity: Identity;
  readonly target: Target;
  readonly session: {
    readonly applicationName: string;
    readonly clientAddress: string;
    readonly insideTransaction: boolean;
  };
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Verdict {
  readonly effect: Effect;
  /** The id of the rule that decided; `default` when none matched. */
  readonly rule: string;
  /** The rule's description, or what the default is; shown to the person. */
  readonly reason: string;
  /** For review: who must sign. */
  readonly reviewers: Reviewers;
  /** For review: how long the hold may last outside a transaction, ms; undefined: the default. */
  readonly expiresMs?: number;
}

export interface Policy {
  readonly version: number;
  /** SHA-256 of `text`, hexadecimal. */
  readonly hash: string;
  /** The exact YAML text it was read from. */
  readonly text: string;
  readonly masking: 'off';
  /** The strictest effect over all statements and all rules that match. A rule that cannot be evaluated counts as deny. */
  judge(input: PolicyInput): Verdict;
  /** The reviewers and limits of a rule by id; undefined when the policy has no such rule. */
  rule(id: string): { readonly reviewers: Reviewers; readonly expiresMs?: number } | undefined;
}
