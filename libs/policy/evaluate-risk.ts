import type { Approvable, Reviewers } from '#libs/contracts/events/request-events.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { oneLine, type PolicyDocument } from './policy-document.js';
import { PolicyError } from './policy-error.js';
import type { RiskSource } from './risk-document.js';
import { riskEnvironment, riskFacts, RiskSoFar, type RiskFacts, type RiskInput } from './risk-facts.js';

export const riskLevels = ['low', 'medium', 'high', 'critical'] as const;
export type RiskLevel = (typeof riskLevels)[number];

export interface RiskReason {
  readonly rule: string;
  readonly score: number;
  readonly reason: string;
}

/** How risky a statement is, why, and what the policy makes of it. */
export interface RiskAssessment {
  /** 0 to 100. */
  readonly score: number;
  readonly level: RiskLevel;
  readonly reasons: readonly RiskReason[];
  /** Who must sign as well, by the rule that says so. */
  readonly raise: readonly { readonly rule: string; readonly reviewers: Reviewers }[];
  readonly refuse:
    { readonly rule: string; readonly reason: string; readonly approvable?: Approvable } | undefined;
  /** The rule that grants without asking. Never beside a refusal or a raise. */
  readonly autoGrant: string | undefined;
}

/** Pure: the same input gives the same answer, byte for byte. */
export type RiskRules = (input: RiskInput) => RiskAssessment;

/** What a rule that cannot be evaluated counts as: the strictest. */
const FULL_SCORE = 100;
const DEFAULT_LEVELS = { medium: 30, high: 60, critical: 90 };

/**
 * Compiles the `risk` part of a policy. Throws PolicyError, with the line, for a condition that does not
 * compile to a boolean, and for an id that is there twice.
 */
export function compileRisk(source: RiskSource, document: PolicyDocument): RiskRules {
  const seen = new Set<string>();
  const compileAll = <S extends { id: string; when: string }>(
    list: 'rules' | 'actions',
    sources: readonly S[],
  ) =>
    sources.map((each, index) => {
      const at = (key: string, reason: string): PolicyError =>
        new PolicyError(
          document.file,
          document.lineOf(['risk', list, index, key]),
          `risk ${each.id}: ${reason}`,
        );
      if (seen.has(each.id)) throw at('id', 'the id is taken');
      seen.add(each.id);
      return { source: each, matches: compile(each.when, (reason) => at('when', reason)) };
    });
  const rules = compileAll('rules', source.rules ?? []);
  const actions = compileAll('actions', source.actions ?? []);
  const levels = source.levels ?? DEFAULT_LEVELS;

  return (input) => {
    const facts = riskFacts(input);
    const reasons: RiskReason[] = [];
    for (const { source: rule, matches } of rules) {
      const matched = matches({ ...facts, risk: new RiskSoFar(0, 'low') });
      const { id, score } = rule;
      if (matched === 'failed')
        reasons.push({ rule: id, score: FULL_SCORE, reason: 'the rule could not be evaluated' });
      else if (matched) reasons.push({ rule: id, score, reason: oneLine(rule.reason ?? `rule ${id}`) });
    }
    const score = Math.min(
      FULL_SCORE,
      reasons.reduce((sum, reason) => sum + reason.score, 0),
    );
    const level = levelOf(score, levels);
    const given = { ...facts, risk: new RiskSoFar(score, level) };
    const raise: { rule: string; reviewers: Reviewers }[] = [];
    let refuse: RiskAssessment['refuse'];
    let autoGrant: string | undefined;
    for (const { source: action, matches } of actions) {
      const matched = matches(given);
      if (matched === false) continue;
      if (action.raise !== undefined) raise.push({ rule: action.id, reviewers: action.raise });
      if (action.refuse !== undefined) {
        const { reason, bounded, maxRows } = action.refuse;
        const approvable = {
          ...(bounded === undefined ? {} : { bounded }),
          ...(maxRows === undefined ? {} : { maxRows }),
        };
        refuse ??= {
          rule: action.id,
          reason: oneLine(reason),
          ...(Object.keys(approvable).length === 0 ? {} : { approvable }),
        };
      }
      if (action.autoGrant === true && matched === true) autoGrant ??= action.id;
    }
    const alone = refuse === undefined && raise.length === 0 && input.verified;
    return { score, level, reasons, raise, refuse, autoGrant: alone ? autoGrant : undefined };
  };
}

const levelOf = (score: number, levels: typeof DEFAULT_LEVELS): RiskLevel => {
  if (score >= levels.critical) return 'critical';
  if (score >= levels.high) return 'high';
  return score >= levels.medium ? 'medium' : 'low';
};

type Matcher = (facts: RiskFacts) => boolean | 'failed';

function compile(when: string, fail: (reason: string) => PolicyError): Matcher {
  let parsed: ReturnType<typeof riskEnvironment.parse>;
  try {
    parsed = riskEnvironment.parse(when);
  } catch (error) {
    throw fail(`when cannot be parsed: ${firstLine(error)}`);
  }
  const check = parsed.check();
  if (!check.valid) throw fail(`when is not valid: ${firstLine(check.error)}`);
  if (check.type !== 'bool') throw fail(`when gives ${check.type ?? 'something'}, not a boolean`);
  return (facts) => {
    try {
      const answer: unknown = parsed(facts);
      return typeof answer === 'boolean' ? answer : 'failed';
    } catch {
      return 'failed';
    }
  };
}

const firstLine = (error: unknown): string => oneLine(messageOf(error).split('\n')[0] ?? '');
