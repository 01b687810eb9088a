import type { Identity } from '#libs/contracts/identity.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { MessageAnalysis } from '#libs/sql/analysis.js';
import { factsKey, minuteOf } from './facts.js';
import type { PolicyInput, Verdict } from './policy.js';

/** Verdicts kept for messages that are alike; more identities than this at once start anew. */
const MAX_ALIKE = 64;

/** Kinds of messages that are remembered by what rules see of them, and how long such a key may be. */
const MAX_KEYS = 5_000;
const MAX_KEY_CHARACTERS = 4_096;

interface Entry {
  readonly identity: Identity;
  readonly target: Target;
  readonly session: PolicyInput['session'];
  /** Minutes since 1970. */
  readonly minute: number;
  readonly verdict: Verdict;
}

/** Which of a policy's variables its rules look at; what none looks at cannot change a verdict. */
interface Asks {
  readonly identity: boolean;
  readonly session: boolean;
  readonly time: boolean;
}

/**
 * Verdicts by what they were given for: a repeated statement costs a look-up, and one that differs from an
 * earlier one in literals only costs no rule. An identity is compared as an object, so a caller whose
 * identity changes must make a new one; the rest is compared by content, the time by its minute, which is
 * all that conditions see of it.
 */
export class VerdictCache {
  /** By analysis; those of messages that are alike are the same list. */
  private readonly verdicts = new WeakMap<MessageAnalysis, Entry[]>();
  private readonly alike = new Map<string, Entry[]>();

  constructor(private readonly asks: Asks) {}

  get(input: PolicyInput): Verdict | undefined {
    for (const entry of this.entriesOf(input.analysis)) {
      if (
        (!this.asks.identity || entry.identity === input.identity) &&
        sameTarget(entry.target, input.target) &&
        (!this.asks.time || entry.minute === minuteOf(input.now)) &&
        (!this.asks.session || sameSession(entry.session, input.session))
      ) {
        return entry.verdict;
      }
    }
    return undefined;
  }

  set({ analysis, identity, target, session, now }: PolicyInput, verdict: Verdict): void {
    const minute = minuteOf(now);
    const entries = this.entriesOf(analysis);
    // A minute that is over does not come back.
    const over = (entry: Entry): boolean => this.asks.time && entry.minute !== minute;
    if (entries.length >= MAX_ALIKE || entries.some(over)) {
      const kept = entries.length >= MAX_ALIKE ? [] : entries.filter((entry) => !over(entry));
      entries.splice(0, entries.length, ...kept);
    }
    entries.push({ identity, target, session, minute, verdict });
  }

  private entriesOf(analysis: MessageAnalysis): Entry[] {
    let entries = this.verdicts.get(analysis);
    if (entries !== undefined) return entries;
    const key = factsKey(analysis);
    entries = this.alike.get(key);
    if (entries === undefined) {
      entries = [];
      if (this.alike.size >= MAX_KEYS) this.alike.clear();
      if (key.length <= MAX_KEY_CHARACTERS) this.alike.set(key, entries);
    }
    this.verdicts.set(analysis, entries);
    return entries;
  }
}

const sameTarget = (a: Target, b: Target): boolean =>
  a === b ||
  (a.name === b.name && a.kind === b.kind && a.environment === b.environment && a.database === b.database);

const sameSession = (a: PolicyInput['session'], b: PolicyInput['session']): boolean =>
  a === b ||
  (a.applicationName === b.applicationName &&
    a.clientAddress === b.clientAddress &&
    a.insideTransaction === b.insideTransaction);
