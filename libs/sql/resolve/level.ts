import type { Relation } from '../catalog/catalog.js';
import { Trace, traceOfRow, type Row } from './trace.js';

/** One item of a FROM clause under the name by which columns refer to it. */
export interface Entry {
  readonly alias: string;
  /** Where it is a relation without an alias: `schema.table.column` may name it. */
  readonly schema?: string;
  readonly row: Row;
  /** A table has system columns (ctid, xmin …), which hold nothing of the user's. */
  readonly relation?: Relation;
}

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set([
  'ctid',
  'xmin',
  'xmax',
  'cmin',
  'cmax',
  'tableoid',
  'oid',
]);

export type Found =
  | { readonly is: 'found'; readonly trace: Trace }
  /** `table.f` where the table has no such column: a function of the whole row. */
  | { readonly is: 'row-function'; readonly trace: Trace; readonly name: string }
  | { readonly is: 'unknown'; readonly trace: Trace };

/** The FROM items that names may mean at one level of a query; outer levels behind it. */
export class Level {
  readonly entries: Entry[] = [];

  constructor(readonly parent: Level | undefined) {}

  /** What a column reference may read. The nearest level that knows the name counts, as on the server. */
  find(parts: readonly string[]): Found {
    const name = parts.at(-1) ?? '';
    const may = new Trace();
    let open = false;
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- a walk outwards that begins here
    for (let level: Level | undefined = this; level !== undefined; level = level.parent) {
      const found = parts.length === 1 ? level.unqualified(name) : level.qualified(parts);
      if (found !== undefined) {
        found.trace.add(may);
        return found;
      }
      for (const entry of level.entries) {
        if (entry.row.open === undefined) continue;
        open = true;
        may.add(entry.row.open);
      }
    }
    if (open && parts.length === 1) return { is: 'found', trace: may };
    return { is: 'unknown', trace: may.add(this.everything()) };
  }

  /** All that is in scope. */
  everything(): Trace {
    const trace = new Trace();
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- a walk outwards that begins here
    for (let level: Level | undefined = this; level !== undefined; level = level.parent)
      for (const entry of level.entries) trace.add(traceOfRow(entry.row));
    return trace;
  }

  /** The row behind `alias.*`, at the nearest level that has it. */
  rowOf(parts: readonly string[]): Row | undefined {
    const alias = parts.at(-1);
    const schema = parts.at(-2);
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- a walk outwards that begins here
    for (let level: Level | undefined = this; level !== undefined; level = level.parent) {
      const entry = level.entries.find(
        (one) => one.alias === alias && (schema === undefined || one.schema === schema),
      );
      if (entry !== undefined) return entry.row;
    }
    return undefined;
  }

  /** A name that several items have is either merged by USING or an error of the server's: all of them count. */
  private unqualified(name: string): Found | undefined {
    const trace = new Trace();
    let found = false;
    for (const entry of this.entries) {
      const column = columnOf(entry, name);
      if (column === undefined) continue;
      found = true;
      trace.add(column);
    }
    if (found) return { is: 'found', trace };
    const whole = this.entries.filter((entry) => entry.alias === name);
    if (whole.length === 0) return undefined;
    for (const entry of whole) trace.add(traceOfRow(entry.row));
    return { is: 'found', trace };
  }

  private qualified(parts: readonly string[]): Found | undefined {
    const name = parts.at(-1) ?? '';
    const alias = parts.at(-2);
    const schema = parts.at(-3);
    const entry = this.entries.find(
      (one) => one.alias === alias && (schema === undefined || one.schema === schema),
    );
    if (entry === undefined) return undefined;
    const column = columnOf(entry, name);
    if (column !== undefined) return { is: 'found', trace: new Trace().add(column) };
    return { is: 'row-function', trace: traceOfRow(entry.row), name };
  }
}

function columnOf({ row, relation }: Entry, name: string): Trace | undefined {
  const matches = row.columns.filter((column) => column.name === name);
  if (matches.length === 0)
    return relation !== undefined && SYSTEM_COLUMNS.has(name) ? new Trace() : undefined;
  const trace = new Trace();
  for (const match of matches) trace.add(match.trace);
  return trace;
}
