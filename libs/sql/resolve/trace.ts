/** The base columns whose values can be in a value, as `relation oid.attnum`. Grows while an expression is walked. */
export class Trace {
  readonly columns = new Set<string>();
  /** Why more than `columns` may be in it; the first reason stays. */
  unknown: string | undefined;

  add(other: Trace): this {
    for (const column of other.columns) this.columns.add(column);
    this.unknown ??= other.unknown;
    return this;
  }

  cannotTell(reason: string): void {
    this.unknown ??= reason;
  }
}

export interface OutputOf {
  readonly name: string;
  readonly trace: Trace;
}

/** The columns of a relation, a subquery or a result. */
export interface Row {
  readonly columns: readonly OutputOf[];
  /** There are further columns, of unknown names and number, and this is what may be in them. */
  readonly open?: Trace;
}

export const traceOfRow = (row: Row): Trace => {
  const trace = new Trace();
  for (const column of row.columns) trace.add(column.trace);
  if (row.open !== undefined) trace.add(row.open);
  return trace;
};

/** Columns side by side. */
export function joined(rows: readonly Row[]): Row {
  const columns = rows.flatMap((row) => row.columns);
  const open = openOf(rows);
  return open === undefined ? { columns } : { columns, open };
}

export function openOf(rows: readonly Row[]): Trace | undefined {
  const found = rows.map((row) => row.open).filter((trace) => trace !== undefined);
  return found.length === 0 ? undefined : found.reduce((all, one) => all.add(one), new Trace());
}

/** Rows one above the other: each column may come from any of them. */
export function stacked(rows: readonly Row[]): Row {
  const first = rows[0];
  if (first === undefined) return { columns: [] };
  const even = rows.every((row) => row.columns.length === first.columns.length && row.open === undefined);
  if (!even) {
    const all = new Trace();
    for (const row of rows) all.add(traceOfRow(row));
    return { columns: first.columns.map(({ name }) => ({ name, trace: all })), open: all };
  }
  return {
    columns: first.columns.map(({ name }, index) => {
      const trace = new Trace();
      for (const row of rows) trace.add(row.columns[index]?.trace ?? new Trace());
      return { name, trace };
    }),
  };
}

/** A row under other column names, as an alias list gives them. */
export const renamed = (row: Row, names: readonly string[]): Row => ({
  ...row,
  columns: row.columns.map((column, index) => ({ ...column, name: names[index] ?? column.name })),
});
