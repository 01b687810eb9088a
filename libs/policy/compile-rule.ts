import { ParseError } from '@marcbachmann/cel-js';
import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { Effect } from '#libs/contracts/events/statement-events.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { environment, type Facts } from './facts.js';
import { oneLine, type PolicyDocument, type RuleSource } from './policy-document.js';
import { PolicyError } from './policy-error.js';

export interface Rule {
  readonly id: string;
  readonly effect: Effect;
  readonly reason: string;
  /** Empty unless the effect is review. */
  readonly reviewers: Reviewers;
  readonly expiresMs?: number;
  /** The variables its condition may look at. */
  readonly asks: ReadonlySet<string>;
  /** Throws what CEL throws when it cannot be evaluated. */
  matches(facts: Facts): boolean;
}

/** Throws PolicyError when the condition does not compile to a boolean or nobody could approve. */
export function compileRule(
  source: RuleSource,
  index: number,
  document: PolicyDocument,
  fallback: Reviewers,
): Rule {
  const at = (key: string, reason: string): PolicyError =>
    new PolicyError(document.file, document.lineOf(['rules', index, key]), `rule ${source.id}: ${reason}`);
  if (source.effect !== 'review') {
    if (source.reviewers !== undefined)
      throw at('reviewers', `reviewers have no part in effect ${source.effect}`);
    if (source.expires !== undefined) throw at('expires', `expires has no part in effect ${source.effect}`);
  }
  const evaluate = compile(source.when, (reason) => at('when', reason));
  return {
    id: source.id,
    effect: source.effect,
    reason: source.description === undefined ? `rule ${source.id}` : oneLine(source.description),
    reviewers: source.effect === 'review' ? (source.reviewers ?? fallback) : [],
    ...(source.expires === undefined ? {} : { expiresMs: source.expires }),
    asks: new Set(source.when.match(/\b(statement|identity|target|session|time)\b/g)),
    matches: (facts) => {
      const answer: unknown = evaluate(facts);
      if (typeof answer === 'boolean') return answer;
      throw new TypeError(`rule ${source.id} gave no boolean`);
    },
  };
}

function compile(when: string, fail: (reason: string) => PolicyError): (facts: Facts) => unknown {
  let parsed;
  try {
    parsed = environment.parse(when);
  } catch (error) {
    throw fail(`when cannot be parsed: ${summaryOf(error)}`);
  }
  const check = parsed.check();
  if (!check.valid) throw fail(`when is not valid: ${summaryOf(check.error)}`);
  if (check.type !== 'bool') throw fail(`when gives ${check.type ?? 'something'}, not a boolean`);
  return (facts) => parsed(facts) as unknown;
}

/** CEL's messages draw the expression over several lines; the summary is the first of them. */
const summaryOf = (error: unknown): string =>
  oneLine(error instanceof ParseError ? error.summary : (messageOf(error).split('\n')[0] ?? ''));
