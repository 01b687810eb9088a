import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { Effect } from '#libs/contracts/events/statement-events.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import type { StatementAnalysis } from '#libs/sql/analysis.js';
import type { Rule } from './compile-rule.js';
import {
  clockFaceOf,
  IdentityFacts,
  minuteOf,
  SessionFacts,
  StatementFacts,
  TargetFacts,
  TimeFacts,
  type Facts,
} from './facts.js';
import { Judgement, stricter, type Ruling } from './judgement.js';
import type { Explanation, Policy, PolicyInput, PolicyName, RuleMatch, Verdict } from './policy.js';
import { VerdictCache } from './verdict-cache.js';

export interface PolicyParts {
  readonly version: number;
  readonly text: string;
  readonly rules: readonly Rule[];
  readonly defaultEffect: Effect;
  readonly defaultReviewers: Reviewers;
  readonly timeZone: string;
  readonly change: Policy['change'];
  readonly changeRules: Policy['changeRules'];
  readonly sourceHash: string;
}

export class CompiledPolicy implements Policy {
  readonly version: number;
  readonly text: string;
  readonly hash: string;
  readonly masking = 'off';
  readonly change: Policy['change'];
  readonly changeRules: Policy['changeRules'];
  readonly sourceHash: string;
  private readonly rules: readonly Rule[];
  private readonly byDefault: Ruling;
  private readonly clockFace: Intl.DateTimeFormat;
  /** The last minute that was asked about: reading a clock face costs more than most rules. */
  private clock: { readonly minute: number; readonly facts: TimeFacts } | undefined;
  private readonly cache: VerdictCache;
  private readonly name: PolicyName;

  constructor(parts: PolicyParts) {
    this.version = parts.version;
    this.text = parts.text;
    this.hash = sha256Hex(Buffer.from(parts.text, 'utf8'));
    this.name = { version: this.version, hash: this.hash };
    this.change = parts.change;
    this.changeRules = parts.changeRules;
    this.sourceHash = parts.sourceHash;
    this.rules = parts.rules;
    this.clockFace = clockFaceOf(parts.timeZone);
    this.byDefault = {
      effect: parts.defaultEffect,
      rule: 'default',
      reason: DEFAULT_REASONS[parts.defaultEffect],
      reviewers: parts.defaultEffect === 'review' ? parts.defaultReviewers : [],
    };
    const asks = (variable: string): boolean => parts.rules.some((rule) => rule.asks.has(variable));
    this.cache = new VerdictCache({
      identity: asks('identity'),
      session: asks('session'),
      time: asks('time'),
    });
  }

  judge(input: PolicyInput): Verdict {
    const known = this.cache.get(input);
    if (known !== undefined) return known;
    const { verdict } = this.explain(input);
    this.cache.set(input, verdict);
    return verdict;
  }

  explain(input: PolicyInput): Explanation {
    const { statements } = input.analysis;
    const judgement = new Judgement();
    const matches = statements.map((statement) => this.judgeOne(statement, input, judgement));
    const otherwise = statements.length === 0 ? NOTHING_TO_RUN : this.byDefault;
    return { verdict: judgement.verdict(otherwise, this.name), matches };
  }

  rule(id: string): { readonly reviewers: Reviewers; readonly expiresMs?: number } | undefined {
    if (id === 'default') return { reviewers: this.byDefault.reviewers };
    const rule = this.rules.find((candidate) => candidate.id === id);
    if (rule === undefined) return undefined;
    const { reviewers, expiresMs } = rule;
    return { reviewers, ...(expiresMs === undefined ? {} : { expiresMs }) };
  }

  private timeAt(now: number): TimeFacts {
    const minute = minuteOf(now);
    if (this.clock?.minute !== minute) this.clock = { minute, facts: new TimeFacts(now, this.clockFace) };
    return this.clock.facts;
  }

  /** Every rule is asked, also once the statement is denied: flags, risk and controls are of all that match. */
  private judgeOne(analysis: StatementAnalysis, input: PolicyInput, judgement: Judgement): RuleMatch[] {
    const facts: Facts = {
      statement: new StatementFacts(analysis, input.analysis),
      identity: new IdentityFacts(input.identity),
      target: new TargetFacts(input.target),
      session: new SessionFacts(input.session),
      time: this.timeAt(input.now),
    };
    const matches: RuleMatch[] = [];
    let strictest: Ruling | undefined;
    for (const rule of this.rules) {
      const answer = ask(rule, facts);
      if (answer === 'no') continue;
      const { id, effect, reason } = rule;
      matches.push({ rule: id, effect, reason, failed: answer === 'cannot-tell' });
      judgement.mark(rule);
      const ruling = rulingOf(rule, answer, input.session.insideTransaction);
      if (ruling !== undefined) strictest = stricter(strictest, ruling);
    }
    judgement.rule(strictest ?? this.byDefault);
    return matches;
  }
}

const NOTHING_TO_RUN: Ruling = { effect: 'allow', rule: 'default', reason: 'nothing to run', reviewers: [] };

const DEFAULT_REASONS: Readonly<Record<Effect, string>> = {
  allow: 'no rule matches; the default is to allow',
  deny: 'no rule matches; the default is to deny',
  review: 'no rule matches; the default is to ask for review',
};

type Answer = 'yes' | 'no' | 'cannot-tell';

/** A rule on `statement.kind` is asked about every kind the statement contains. */
function ask(rule: Rule, facts: Facts): Answer {
  try {
    for (const kind of facts.statement.kinds) {
      facts.statement.kind = kind;
      if (rule.matches(facts)) return 'yes';
    }
    return 'no';
  } catch {
    return 'cannot-tell';
  }
}

/** What a rule that matches, or that cannot be evaluated, decides; nothing where it only marks. */
function rulingOf(rule: Rule, answer: 'yes' | 'cannot-tell', insideTransaction: boolean): Ruling | undefined {
  const { id, effect, reason, reviewers } = rule;
  if (effect === 'flag') return undefined;
  // Fail closed: what the rule would have said is unknown, so it says the strictest thing.
  if (answer === 'cannot-tell')
    return { effect: 'deny', rule: id, reason: 'the rule could not be evaluated', reviewers: [] };
  const limits = [rule.expiresMs];
  if (insideTransaction && rule.insideTransaction !== undefined) {
    if (rule.insideTransaction === 'refuse')
      return {
        effect: 'deny',
        rule: id,
        reason: `${reason.replace(/\.$/, '')}; it needs approval, which this rule gives outside a transaction only`,
        reviewers: [],
      };
    limits.push(rule.insideTransaction);
  }
  const named = limits.filter((ms) => ms !== undefined);
  return {
    effect,
    rule: id,
    reason,
    reviewers,
    ...(named.length === 0 ? {} : { expiresMs: Math.min(...named) }),
  };
}
