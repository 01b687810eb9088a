import type { MessageAnalysis } from '#libs/sql/analysis.js';
import type { ResolutionContext } from '#libs/sql/resolve/resolution.js';
import type { Verdict } from '#libs/policy/policy.js';
import type { Clock } from '#libs/kernel/clock.js';
import {
  describeAnalysis,
  withKind,
  type KnownText,
  type RecordedStatement,
} from '../enforcement/known-text.js';
import { markIncomplete, type Judge, type Reading } from '../enforcement/judge.js';
import type { AskTarget } from '../enforcement/read-binding.js';
import { resolveReferences } from '../enforcement/resolve-references.js';
import type { SessionIdentity } from '../enforcement/session-identity.js';
import type { Needed, SessionCatalog } from '../catalog/session-catalog.js';
import type { SessionState } from './session-state.js';
import { SlotKind, pendingChange, type PendingChange } from './slot.js';
import type { Turn } from './turn.js';

/** A text as it counts in this session now: what it means, what it stands for, and what policy says. */
export interface Considered {
  readonly known: KnownText;
  readonly analysis: MessageAnalysis;
  readonly recorded: RecordedStatement;
  /** The texts that EXECUTE and FETCH in it run. */
  readonly standsFor: readonly KnownText[];
  /** A password or connection string stands in a text that this one runs: such a text cannot be bound. */
  readonly runsCredential: boolean;
  readonly verdict: Verdict;
  readonly transactional: boolean;
}

/** It cannot be told yet. Called with what is to be done then; takes the turn until it is. */
export type NotYet = (again: () => void) => void;

/** What a text means in its session, as it is recorded. */
interface Meaning {
  readonly analysis: MessageAnalysis;
  readonly recorded: RecordedStatement;
}

/** Puts a text into its session: names resolved, encodings minded, judged. */
export class StatementIntake {
  /** By analysis: those of repeated texts are the same objects. */
  private readonly recorded = new WeakMap<MessageAnalysis, RecordedStatement>();
  /** The last that was resolved for this session. */
  private resolved: { known: KnownText; context: ResolutionContext; found: MessageAnalysis } | undefined;

  constructor(
    private readonly judge: Judge,
    private readonly session: SessionIdentity,
    private readonly state: SessionState,
    private readonly clock: Clock,
    private readonly names: SessionCatalog,
    private readonly turn: Turn,
    private readonly ask: AskTarget,
  ) {}

  /** Reads a text, as a rule with its names resolved on the same trip. As Judge.read. */
  read(text: Buffer): Reading | Promise<Reading> {
    return this.judge.read(text, this.names.expected());
  }

  consider(known: KnownText): Considered | NotYet {
    const { state } = this;
    let meaning: Meaning | NotYet = known;
    let standsFor: readonly KnownText[] = [];
    if (known.names || known.refers || this.session.recording === 'overlapped') {
      meaning = this.meaningOf(known);
      if (typeof meaning === 'function') return meaning;
    }
    let { analysis, recorded } = meaning;
    if (known.refers) {
      const resolved = this.resolveReferences(analysis);
      if (typeof resolved === 'function') return resolved;
      ({ analysis, standsFor } = resolved);
      recorded = this.describe(known, analysis);
    }
    if (known.careful) {
      // What is under way may change how the server reads it.
      if (state.slots.some((slot) => slot.kind === SlotKind.Query || slot.kind === SlotKind.Execute))
        return this.whenQuiet;
      const doubt = this.doubtAbout(known);
      if (doubt !== undefined) {
        analysis = markIncomplete(analysis, doubt);
        // Where literals end cannot be told either.
        const { normalized: _, ...described } = this.describe(known, analysis);
        recorded = described;
      }
    }
    return {
      known,
      analysis,
      recorded,
      standsFor,
      runsCredential: standsFor.some((text) => text.analysis.credentials.length > 0),
      verdict: this.judge.verdict(analysis, this.session, state.insideTransaction, this.clock.now()),
      transactional: analysis.statements.some((statement) => statement.transaction !== undefined),
    };
  }

  /** To be told of everything that goes to the server. */
  sent({ analysis }: Considered): void {
    this.names.sent(analysis);
  }

  /** The text with its names resolved as the session has them now. */
  private meaningOf(known: KnownText): Meaning | NotYet {
    const context = this.names.context();
    if ('wait' in context) return this.after(context);
    const analysis = this.judge.meaning(known, context) ?? this.justResolved(known, context);
    if (analysis === undefined)
      return (again) =>
        this.turn.until(this.judge.resolve(known, context), (found) => {
          this.resolved = { known, context, found };
          again();
        });
    const isMissing = analysis.statements.some(({ resolution }) => (resolution?.missing.length ?? 0) > 0);
    const needed = this.names.missing(isMissing);
    if (needed !== undefined) return this.after(needed);
    const meaning = known.standsAs === undefined ? analysis : withKind(analysis, known.standsAs);
    return { analysis: meaning, recorded: this.describe(known, meaning) };
  }

  /** What is refused, or too large to be kept, is found nowhere else: nothing is resolved twice in a row. */
  private justResolved(known: KnownText, context: ResolutionContext): MessageAnalysis | undefined {
    const last = this.resolved;
    return last?.known === known && last.context === context ? last.found : undefined;
  }

  private resolveReferences(
    analysis: MessageAnalysis,
  ): { analysis: MessageAnalysis; standsFor: readonly KnownText[] } | NotYet {
    const { state } = this;
    let notYet: NotYet | undefined;
    const resolved = resolveReferences(analysis, {
      statement: (name) => state.statements.find(name, state.series),
      portal: (name) => state.portals.find(name, state.series),
      meaning: (known) => {
        if (!known.names) return known.analysis;
        const meaning = this.meaningOf(known);
        if (typeof meaning !== 'function') return meaning.analysis;
        notYet ??= meaning;
        return known.analysis;
      },
    });
    if (!resolved.ok) return this.whenQuiet;
    return notYet ?? resolved;
  }

  private after({ wait }: Needed): NotYet {
    if (wait === 'quiet') return this.whenQuiet;
    if (wait !== 'read') return (again) => this.turn.until(wait, () => again());
    return (again) =>
      this.turn.whenQuiet(() => this.names.read(this.ask, () => this.turn.goOn(() => again())));
  }

  private readonly whenQuiet: NotYet = (again) => this.turn.onceQuiet(again);

  private describe(known: KnownText, analysis: MessageAnalysis): RecordedStatement {
    let described = this.recorded.get(analysis);
    if (described === undefined) {
      described = { ...known.recorded, ...describeAnalysis(analysis) };
      this.recorded.set(analysis, described);
    }
    return described;
  }

  /** What PREPARE, DEALLOCATE, DECLARE, CLOSE and DISCARD do to names, one list for each statement. */
  nameChanges(known: KnownText): (readonly PendingChange[])[] {
    const { statements: found } = known.analysis;
    if (!known.refers && !found.some((statement) => discardsNames(known, statement))) return [];
    const { series, statements, portals } = this.state;
    return found.map((statement) => {
      const all = { name: null, value: undefined, series };
      if (discardsNames(known, statement))
        return [pendingChange(statements, all), pendingChange(portals, all)];
      const refers = statement.refersTo;
      if (refers === undefined) return [];
      const { name } = refers;
      const prepared = { known, parameterTypes: [], chunked: false };
      switch (refers.action) {
        case 'prepare':
          return [pendingChange(statements, { name: name ?? '', value: prepared, series })];
        case 'deallocate':
          return [pendingChange(statements, { name, value: undefined, series })];
        case 'declare': {
          const portal = { prepared, formats: [], parameters: [], resultFormats: [], declared: true };
          return [pendingChange(portals, { name: name ?? '', value: portal, series })];
        }
        case 'close':
          return [pendingChange(portals, { name, value: undefined, series })];
        case 'execute':
        case 'fetch':
          return [];
      }
    });
  }

  /** Why the server may read this text otherwise than we do. */
  private doubtAbout(known: KnownText): string | undefined {
    const { parameters } = this.state;
    if (parameters.get('standard_conforming_strings') === 'off' && known.text.includes('\\'))
      return 'standard_conforming_strings is off and the text has a backslash';
    const encoding = parameters.get('client_encoding');
    if (encoding !== 'UTF8' && known.bytes.length !== known.text.length)
      return `client_encoding is ${encoding ?? 'unknown'} and the text is not ASCII`;
    return undefined;
  }
}

/** DISCARD ALL takes every name away; DISCARD PLANS and the like leave them. */
const discardsNames = (known: KnownText, statement: MessageAnalysis['statements'][number]): boolean =>
  statement.kind.startsWith('DISCARD') &&
  /\bALL\b/i.test(known.bytes.toString('utf8', statement.start, statement.end));
