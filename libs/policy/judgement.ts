import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { Effect } from '#libs/contracts/events/statement-events.js';
import type { Rule } from './compile-rule.js';
import type { PolicyName, Verdict } from './policy.js';
import type { Redaction } from './rule-schema.js';

export const STRICTNESS: Readonly<Record<Effect, number>> = { allow: 0, review: 1, deny: 2 };

/** What one rule, or the default, says. */
export interface Ruling {
  readonly effect: Effect;
  readonly rule: string;
  readonly reason: string;
  readonly reviewers: Reviewers;
  readonly expiresMs?: number;
}

/** What the contract of events holds (verdictSchema). */
const MAX_LISTED = 64;

/** Gathers what the rules say of one message and makes the verdict of it. */
export class Judgement {
  private strictest: Ruling | undefined;
  private readonly flags = new Set<string>();
  private readonly controls = new Set<string>();
  private readonly redact = new Set<Redaction>();
  private risk: number | undefined;
  private maxRows: number | undefined;

  /** What decides: the strictest, and of equally strict ones the first. */
  rule(ruling: Ruling): void {
    this.strictest = stricter(this.strictest, ruling);
  }

  /** What a rule that matched adds, whether or not it decides. */
  mark(rule: Rule): void {
    if (rule.effect === 'flag') this.flags.add(rule.id);
    for (const control of rule.controls) this.controls.add(control);
    for (const what of rule.redact) this.redact.add(what);
    if (rule.risk !== undefined) this.risk = Math.max(this.risk ?? 0, rule.risk);
    if (rule.maxRows !== undefined) this.maxRows = Math.min(this.maxRows ?? Infinity, rule.maxRows);
  }

  verdict(otherwise: Ruling, policy: PolicyName): Verdict {
    const ruling = this.strictest ?? otherwise;
    return {
      ...ruling,
      ...(this.flags.size === 0 ? {} : { flags: [...this.flags].slice(0, MAX_LISTED) }),
      ...(this.risk === undefined ? {} : { risk: this.risk }),
      ...(this.controls.size === 0 ? {} : { controls: [...this.controls].slice(0, MAX_LISTED) }),
      ...(this.maxRows === undefined || ruling.effect !== 'review' ? {} : { maxRows: this.maxRows }),
      ...(this.redact.size === 0 ? {} : { redact: [...this.redact] }),
      policy,
    };
  }
}

/**
 * The first of the strictest effect. Of two that hold a statement the one that asks for more signatures
 * names the reviewers, and the shortest time that either names counts.
 */
export function stricter(first: Ruling | undefined, second: Ruling): Ruling {
  if (first === undefined || STRICTNESS[second.effect] > STRICTNESS[first.effect]) return second;
  if (first.effect !== 'review' || second.effect !== 'review') return first;
  const named = [first.expiresMs, second.expiresMs].filter((ms) => ms !== undefined);
  return {
    ...(signatures(second) > signatures(first) ? second : first),
    ...(named.length === 0 ? {} : { expiresMs: Math.min(...named) }),
  };
}

const signatures = ({ reviewers }: Ruling): number => reviewers.reduce((sum, { count }) => sum + count, 0);
