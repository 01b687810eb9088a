import type { Effect } from '#libs/contracts/events/statement-events.js';
import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { Identity } from '#libs/contracts/identity.js';
import type { MessageAnalysis } from '#libs/sql/analysis.js';
import type { ChangeRules } from './change-rules.js';
import type { Redaction, RuleEffect } from './rule-schema.js';

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
  /**
   * For review: how long the hold may last, ms; undefined: the default. A rule's own limit inside a
   * transaction is in it already where the statement is inside one.
   */
  readonly expiresMs?: number;
  /** Ids of the rules that only mark and matched. */
  readonly flags?: readonly string[];
  /** The highest risk of the rules that matched, 0 to 100. */
  readonly risk?: number;
  /** The controls that the rules which matched give evidence for. */
  readonly controls?: readonly string[];
  /** For review: the most rows it may change once approved; the lowest of the rules that matched. */
  readonly maxRows?: number;
  /** What of the statement the record must not hold; what is held is shown to reviewers all the same. */
  readonly redact?: readonly Redaction[];
  /** The policy that judged; absent only from refusals that no policy was asked about. */
  readonly policy?: PolicyName;
}

/** Which policy it is: what stands on every intent. */
export interface PolicyName {
  readonly version: number;
  /** SHA-256 of the policy's text, hexadecimal. */
  readonly hash: string;
}

/** A rule that matched a statement. */
export interface RuleMatch {
  readonly rule: string;
  readonly effect: RuleEffect;
  readonly reason: string;
  /** It could not be evaluated, which counts as deny (for a flag: as a match). */
  readonly failed: boolean;
}

export interface Explanation {
  readonly verdict: Verdict;
  /** For each statement of the message, in the order of the rules. */
  readonly matches: readonly (readonly RuleMatch[])[];
}

export interface Policy extends PolicyName {
  /** The exact YAML text it was read from. */
  readonly text: string;
  readonly masking: 'off';
  /** SHA-256 of the text its author wrote: with `extends: builtin` that is not `text`, which has the built-in rules too. */
  readonly sourceHash: string;
  /** What its author says of this version. */
  readonly change?: { readonly author: string; readonly reason: string } | undefined;
  /** Who must sign before another policy takes the place of this one; undefined: nobody. */
  readonly changeRules?: ChangeRules | undefined;
  /** The strictest effect over all statements and all rules that match. A rule that cannot be evaluated counts as deny. */
  judge(input: PolicyInput): Verdict;
  /** The verdict, and which rules matched each statement. Not cached: for people who ask why. */
  explain(input: PolicyInput): Explanation;
  /** The reviewers and limits of a rule by id; undefined when the policy has no such rule. */
  rule(id: string): { readonly reviewers: Reviewers; readonly expiresMs?: number } | undefined;
}
