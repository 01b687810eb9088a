import { isDeepStrictEqual } from 'node:util';
import { STRICTNESS } from '#libs/policy/judgement.js';
import type { Verdict } from '#libs/policy/policy.js';
import type { Again } from './judge-again.js';
import type { RecordedIntent } from './recorded-intents.js';

export interface Example {
  readonly eventId: string;
  readonly time: string;
  readonly identity: string;
  readonly target: string;
  /** Without literals, unless they were asked for. */
  readonly statement: string;
}

/** Intents that were decided one way and would be decided another. */
export interface Change {
  readonly from: { readonly effect: string; readonly rule: string };
  readonly to: { readonly effect: string; readonly rule: string };
  readonly direction: 'stricter' | 'looser';
  count: number;
  readonly examples: Example[];
}

/** Counts what a candidate would decide otherwise, by the rules of both. */
export class ReplayReport {
  intents = 0;
  judged = 0;
  same = 0;
  /** The same effect by another rule. */
  otherRule = 0;
  /** The same effect with other flags, risk or controls. */
  otherMarks = 0;
  readonly leftOut = new Map<string, number>();
  private readonly byRules = new Map<string, Change>();

  constructor(
    private readonly maxExamples: number,
    private readonly literals: boolean,
  ) {}

  add(intent: RecordedIntent, again: Again): void {
    this.intents += 1;
    if (again.is === 'left-out') {
      this.leftOut.set(again.why, (this.leftOut.get(again.why) ?? 0) + 1);
      return;
    }
    this.judged += 1;
    const { verdict: before } = intent.event;
    const { verdict } = again;
    if (before.effect !== verdict.effect) return this.changed(intent, verdict);
    if (before.rule !== verdict.rule) this.otherRule += 1;
    else if (sameMarks(before, verdict)) this.same += 1;
    else this.otherMarks += 1;
  }

  /** Most frequent first. */
  changes(): Change[] {
    return [...this.byRules.values()].sort((one, other) => other.count - one.count);
  }

  private changed(intent: RecordedIntent, verdict: Verdict): void {
    const { effect, rule } = intent.event.verdict;
    const key = JSON.stringify([effect, rule, verdict.effect, verdict.rule]);
    let change = this.byRules.get(key);
    if (change === undefined) {
      change = {
        from: { effect, rule },
        to: { effect: verdict.effect, rule: verdict.rule },
        direction: STRICTNESS[verdict.effect] > STRICTNESS[effect] ? 'stricter' : 'looser',
        count: 0,
        examples: [],
      };
      this.byRules.set(key, change);
    }
    change.count += 1;
    if (change.examples.length < this.maxExamples) change.examples.push(this.example(intent));
  }

  private example({ event, text }: RecordedIntent): Example {
    const { statement } = event;
    return {
      eventId: event.id,
      time: event.time,
      identity: event.identity?.name ?? '',
      target: event.target.name,
      statement: this.literals ? (text ?? outline(statement)) : (statement.normalized ?? outline(statement)),
    };
  }
}

/** What can be said of a statement without quoting it. */
function outline({ kinds, reads = [], writes = [], sha256 }: RecordedIntent['event']['statement']): string {
  const tables = [...new Set([...writes, ...reads])];
  return `${kinds.join(', ')}${tables.length === 0 ? '' : ` on ${tables.join(', ')}`} (sha256 ${sha256.slice(0, 12)}…)`;
}

const sameMarks = (
  before: { flags?: string[] | undefined; risk?: number | undefined; controls?: string[] | undefined },
  now: Verdict,
): boolean =>
  isDeepStrictEqual(before.flags ?? [], [...(now.flags ?? [])]) &&
  before.risk === now.risk &&
  isDeepStrictEqual(before.controls ?? [], [...(now.controls ?? [])]);
