import type { Identity } from '#libs/contracts/identity.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { MessageAnalysis } from '#libs/sql/analysis.js';
import { minuteOf } from './facts.js';
import type { PolicyInput, Verdict } from './policy.js';

/** Verdicts kept for one analysis; more identities than this at once start anew. */
const MAX_PER_ANALYSIS = 64;

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
 * Verdicts by what they were given for: a repeated statement costs a look-up. An identity is compared as
 * an object, so a caller whose identity changes must make a new one; the rest is compared by content, the
 * time by its minute, which is all that conditions see of it.
 * Entries die with the analysis they belong to.
 */
export class VerdictCache {
  private readonly verdicts = new WeakMap<MessageAnalysis, Entry[]>();

  constructor(private readonly asks: Asks) {}

  get(input: PolicyInput): Verdict | undefined {
    const entries = this.verdicts.get(input.analysis);
    if (entries === undefined) return undefined;
    for (const entry of entries) {
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
    const kept = this.verdicts.get(analysis);
    // A minute that is over does not come back.
    const entries = this.asks.time ? kept?.filter((entry) => entry.minute === minute) : kept;
    if (entries !== kept && entries !== undefined) this.verdicts.set(analysis, entries);
    const entry: Entry = { identity, target, session, minute, verdict };
    if (entries === undefined || entries.length >= MAX_PER_ANALYSIS) this.verdicts.set(analysis, [entry]);
    else entries.push(entry);
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
