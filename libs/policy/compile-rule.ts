import { ParseError } from '@marcbachmann/cel-js';
import type { Reviewers } from '#libs/contracts/events/request-events.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { environment } from './cel-environment.js';
import { literalProblem } from './condition-literals.js';
import type { Facts } from './facts.js';
import { oneLine, type PolicyDocument } from './policy-document.js';
import { PolicyError } from './policy-error.js';
import type { Redaction, RuleEffect, RuleSource } from './rule-schema.js';

export interface Rule {
  readonly id: string;
  readonly effect: RuleEffect;
  readonly reason: string;
  /** Empty unless the effect is review. */
  readonly reviewers: Reviewers;
  readonly expiresMs: number | undefined;
  /** For review: what becomes of a hold inside a transaction; a number caps it, ms. */
  readonly insideTransaction: 'refuse' | number | undefined;
  readonly risk: number | undefined;
  readonly controls: readonly string[];
  readonly maxRows: number | undefined;
  readonly redact: readonly Redaction[];
  /** The variables its verdict may depend on. */
  readonly asks: ReadonlySet<string>;
  /** Throws what CEL throws when it cannot be evaluated. */
  matches(facts: Facts): boolean;
}

/** Keys that mean something with these effects only; with others they would silently do nothing. */
const PARTS: readonly (readonly [key: keyof RuleSource, effects: readonly RuleEffect[], plural: boolean])[] =
  [
    ['reviewers', ['review'], true],
    ['routing', ['review'], false],
    ['expires', ['review'], false],
    ['insideTransaction', ['review'], false],
    ['maxRows', ['review'], false],
  ];

/** Throws PolicyError when the condition does not compile to a boolean or nobody could approve. */
export function compileRule(
  source: RuleSource,
  index: number,
  document: PolicyDocument,
  fallback: Reviewers,
): Rule {
  const { effect } = source;
  const at = (key: string, reason: string): PolicyError =>
    new PolicyError(document.file, document.lineOf(['rules', index, key]), `rule ${source.id}: ${reason}`);
  for (const [key, effects, plural] of PARTS) {
    if (source[key] !== undefined && !effects.includes(effect))
      throw at(key, `${key} ${plural ? 'have' : 'has'} no part in effect ${effect}`);
  }
  const evaluate = compileCondition(source.when, (reason) => at('when', reason));
  return {
    id: source.id,
    effect,
    reason: source.description === undefined ? `rule ${source.id}` : oneLine(source.description),
    reviewers: effect === 'review' ? (source.reviewers ?? fallback) : [],
    expiresMs: source.expires,
    insideTransaction: source.insideTransaction,
    risk: source.risk,
    controls: source.controls ?? [],
    maxRows: source.maxRows,
    redact: source.redact ?? [],
    asks: new Set([
      ...(source.when.match(/\b(statement|identity|target|session|time)\b/g) ?? []),
      ...(source.insideTransaction === undefined ? [] : ['session']),
    ]),
    matches: (facts) => {
      const answer: unknown = evaluate(facts);
      if (typeof answer === 'boolean') return answer;
      throw new TypeError(`rule ${source.id} gave no boolean`);
    },
  };
}

/** Throws what `fail` makes of the reason when the text is no condition. */
function compileCondition(when: string, fail: (reason: string) => PolicyError): (facts: Facts) => unknown {
  let parsed;
  try {
    parsed = environment.parse(when);
  } catch (error) {
    throw fail(`when cannot be parsed: ${summaryOf(error)}`);
  }
  const problem = literalProblem(parsed.ast);
  if (problem !== undefined) throw fail(`when is not valid: ${problem}`);
  const check = parsed.check();
  if (!check.valid) throw fail(`when is not valid: ${summaryOf(check.error)}`);
  if (check.type !== 'bool') throw fail(`when gives ${check.type ?? 'something'}, not a boolean`);
  return (facts) => parsed(facts) as unknown;
}

/** CEL's messages draw the expression over several lines; the summary is the first of them. */
const summaryOf = (error: unknown): string =>
  oneLine(error instanceof ParseError ? error.summary : (messageOf(error).split('\n')[0] ?? ''));
