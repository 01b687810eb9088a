import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { Effect } from '#libs/contracts/events/statement-events.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import type { StatementAnalysis } from '#libs/sql/analysis.js';
import type { Rule } from './compile-rule.js';
import { IdentityFacts, SessionFacts, StatementFacts, TargetFacts, TimeFacts, type Facts } from './facts.js';
import type { Policy, PolicyInput, Verdict } from './policy.js';
import { VerdictCache } from './verdict-cache.js';

const STRICTNESS: Readonly<Record<Effect, number>> = { allow: 0, review: 1, deny: 2 };

export interface PolicyParts {
  readonly version: number;
  readonly text: string;
  readonly rules: readonly Rule[];
  readonly defaultEffect: Effect;
  readonly defaultReviewers: Reviewers;
}

export class CompiledPolicy implements Policy {
  readonly version: number;
  readonly text: string;
  readonly hash: string;
  readonly masking = 'off';
  private readonly rules: readonly Rule[];
  private readonly byDefault: Verdict;
  private readonly cache: VerdictCache | undefined;

  constructor(parts: PolicyParts) {
    this.version = parts.version;
    this.text = parts.text;
    this.hash = sha256Hex(Buffer.from(parts.text, 'utf8'));
    this.rules = parts.rules;
    this.byDefault = {
      effect: parts.defaultEffect,
      rule: 'default',
      reason: DEFAULT_REASONS[parts.defaultEffect],
      reviewers: parts.defaultEffect === 'review' ? parts.defaultReviewers : [],
    };
    const asks = (variable: string): boolean => parts.rules.some((rule) => rule.asks.has(variable));
    // A verdict that depends on the time of day holds for no other moment.
    this.cache = asks('time')
      ? undefined
      : new VerdictCache({ identity: asks('identity'), session: asks('session') });
  }

  judge(input: PolicyInput): Verdict {
    const known = this.cache?.get(input);
    if (known !== undefined) return known;
    const verdict = this.decide(input);
    this.cache?.set(input, verdict);
    return verdict;
  }

  rule(id: string): { readonly reviewers: Reviewers; readonly expiresMs?: number } | undefined {
    if (id === 'default') return { reviewers: this.byDefault.reviewers };
    const rule = this.rules.find((candidate) => candidate.id === id);
    if (rule === undefined) return undefined;
    const { reviewers, expiresMs } = rule;
    return { reviewers, ...(expiresMs === undefined ? {} : { expiresMs }) };
  }

  private decide(input: PolicyInput): Verdict {
    const { statements } = input.analysis;
    if (statements.length === 0) {
      return { effect: 'allow', rule: 'default', reason: 'nothing to run', reviewers: [] };
    }
    let strictest: Verdict | undefined;
    for (const statement of statements) {
      strictest = stricter(strictest, this.decideOne(statement, input));
    }
    return strictest ?? this.byDefault;
  }

  /** The first rule of the strictest effect among those that match. */
  private decideOne(analysis: StatementAnalysis, input: PolicyInput): Verdict {
    const facts: Facts = {
      statement: new StatementFacts(analysis),
      identity: new IdentityFacts(input.identity),
      target: new TargetFacts(input.target),
      session: new SessionFacts(input.session),
      time: new TimeFacts(input.now),
    };
    let strictest: Verdict | undefined;
    for (const rule of this.rules) {
      if (strictest !== undefined && STRICTNESS[rule.effect] <= STRICTNESS[strictest.effect]) {
        // It could change nothing by matching; only a failure to evaluate it still counts, as deny.
        if (strictest.effect === 'deny') break;
      }
      const verdict = verdictOf(rule, facts);
      if (verdict !== undefined) strictest = stricter(strictest, verdict);
    }
    return strictest ?? this.byDefault;
  }
}

/**
 * The first of the strictest effect. Of two that hold a statement the one that asks for more signatures
 * names the reviewers, and the shortest time that either names counts.
 */
function stricter(first: Verdict | undefined, second: Verdict): Verdict {
  if (first === undefined || STRICTNESS[second.effect] > STRICTNESS[first.effect]) return second;
  if (first.effect !== 'review' || second.effect !== 'review') return first;
  const named = [first.expiresMs, second.expiresMs].filter((ms) => ms !== undefined);
  return {
    ...(signatures(second) > signatures(first) ? second : first),
    ...(named.length === 0 ? {} : { expiresMs: Math.min(...named) }),
  };
}

const signatures = ({ reviewers }: Verdict): number => reviewers.reduce((sum, { count }) => sum + count, 0);

const DEFAULT_REASONS: Readonly<Record<Effect, string>> = {
  allow: 'no rule matches; the default is to allow',
  deny: 'no rule matches; the default is to deny',
  review: 'no rule matches; the default is to ask for review',
};

/** A rule on `statement.kind` is asked about every kind the statement contains. */
function verdictOf(rule: Rule, facts: Facts): Verdict | undefined {
  try {
    for (const kind of facts.statement.kinds) {
      facts.statement.kind = kind;
      if (rule.matches(facts)) {
        const { effect, id, reason, reviewers, expiresMs } = rule;
        return { effect, rule: id, reason, reviewers, ...(expiresMs === undefined ? {} : { expiresMs }) };
      }
    }
    return undefined;
  } catch {
    // Fail closed: what the rule would have said is unknown, so it says the strictest thing.
    return { effect: 'deny', rule: rule.id, reason: 'the rule could not be evaluated', reviewers: [] };
  }
}
