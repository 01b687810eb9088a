import type { Relation } from '../catalog/catalog.js';
import type { Trait } from '../traits.js';
import type { Trace } from './trace.js';

export type WriteKind = 'insert' | 'update' | 'delete' | 'truncate';

/** A value that goes from base columns into a column. */
export interface Flow {
  readonly from: Trace;
  /** The column it goes to, by name; `relation` where the catalog has it. */
  readonly column: string;
  readonly relation: Relation | undefined;
}

/** Gathers what the resolution of one statement finds. */
export class Findings {
  readonly read = new Map<number, Relation>();
  readonly written = new Map<number, Relation>();
  /** Those that the text itself names. */
  readonly named = new Set<number>();
  readonly writes: {
    readonly relation: Relation;
    readonly kind: WriteKind;
    readonly columns: readonly string[];
  }[] = [];
  /** `relation oid.attnum` */
  readonly columnsRead = new Set<string>();
  readonly columnsWritten = new Set<string>();
  readonly flows: Flow[] = [];
  /** Names called, as written, by expressions, operators and attribute notation. */
  readonly userFunctions = new Set<string>();
  readonly uncounted = new Set<string>();
  /** Commands that triggers run. */
  readonly innerKinds = new Set<string>();
  readonly missing = new Set<string>();
  /** The same, of views and functions that are reached. */
  readonly missingInside = new Set<string>();
  /** Traits of what is reached through views and functions. */
  readonly innerTraits = new Set<Trait>();
  /** Values that a function spreads into a record whose columns the text names. */
  readonly reshaped: Trace[] = [];
  incomplete: string | undefined;
  /** Why columns are not all known; relations are. */
  columnsUnknown: string | undefined;

  cannotTell(reason: string): void {
    this.incomplete ??= reason;
  }

  reads(trace: Trace): void {
    for (const column of trace.columns) this.columnsRead.add(column);
    if (trace.unknown !== undefined) this.columnsUnknown ??= trace.unknown;
  }

  /** Everything another resolution found, reached from here. */
  includes(other: Findings): void {
    for (const [oid, relation] of other.read) this.read.set(oid, relation);
    for (const [oid, relation] of other.written) this.written.set(oid, relation);
    this.writes.push(...other.writes);
    for (const column of other.columnsRead) this.columnsRead.add(column);
    for (const column of other.columnsWritten) this.columnsWritten.add(column);
    for (const name of other.userFunctions) this.userFunctions.add(name);
    for (const kind of other.innerKinds) this.innerKinds.add(kind);
    for (const trait of other.innerTraits) this.innerTraits.add(trait);
    for (const name of [...other.missing, ...other.missingInside]) this.missingInside.add(name);
    for (const reason of other.uncounted) this.uncounted.add(reason);
    this.incomplete ??= other.incomplete;
    this.columnsUnknown ??= other.columnsUnknown;
  }
}
