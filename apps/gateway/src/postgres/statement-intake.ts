import type { MessageAnalysis } from '#libs/sql/analysis.js';
import type { Verdict } from '#libs/policy/policy.js';
import type { Clock } from '#libs/kernel/clock.js';
import { describeAnalysis, type KnownText, type RecordedStatement } from '../enforcement/known-text.js';
import { markIncomplete, type Judge } from '../enforcement/judge.js';
import { resolveReferences } from '../enforcement/resolve-references.js';
import type { SessionIdentity } from '../enforcement/session-identity.js';
import type { SessionState } from './session-state.js';
import { SlotKind, pendingChange, type PendingChange } from './slot.js';

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

/** Puts a text into its session: names resolved, encodings minded, judged. */
export class StatementIntake {
  constructor(
    private readonly judge: Judge,
    private readonly session: SessionIdentity,
    private readonly state: SessionState,
    private readonly clock: Clock,
  ) {}

  /** undefined: it cannot be told before the server has answered what is under way. */
  consider(known: KnownText): Considered | undefined {
    const { state } = this;
    let analysis = known.analysis;
    let standsFor: readonly KnownText[] = [];
    if (known.refers) {
      const resolved = resolveReferences(analysis, {
        statement: (name) => state.statements.find(name, state.series),
        portal: (name) => state.portals.find(name, state.series),
      });
      if (!resolved.ok) return undefined;
      ({ analysis, standsFor } = resolved);
    }
    if (known.careful) {
      // What is under way may change how the server reads it.
      if (state.slots.some((slot) => slot.kind === SlotKind.Query || slot.kind === SlotKind.Execute))
        return undefined;
      const doubt = this.doubtAbout(known);
      if (doubt !== undefined) analysis = markIncomplete(analysis, doubt);
    }
    return {
      known,
      analysis,
      recorded:
        analysis === known.analysis ? known.recorded : { ...known.recorded, ...describeAnalysis(analysis) },
      standsFor,
      runsCredential: standsFor.some((text) => text.analysis.credentials.length > 0),
      verdict: this.judge.verdict(analysis, this.session, state.insideTransaction, this.clock.now()),
      transactional: analysis.statements.some((statement) => statement.transaction !== undefined),
    };
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
