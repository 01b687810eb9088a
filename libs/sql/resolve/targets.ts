import { asType, listOf, stringOf, textOf } from '../syntax-tree.js';
import type { Engine, Env } from './engine.js';
import { nameOfResult } from './expressions.js';
import { traceOf } from './from-clause.js';
import { openOf, traceOfRow, type OutputOf, type Row } from './trace.js';

/** The columns of a target list or RETURNING; `stars` is what `*` alone stands for. */
export function targets(engine: Engine, list: unknown, stars: readonly Row[], env: Env): Row {
  const columns: OutputOf[] = [];
  const opens: Row[] = [];
  const add = (row: Row): void => {
    columns.push(...row.columns);
    opens.push(row);
    engine.findings.reads(traceOfRow(row));
  };
  for (const item of listOf(list)) {
    const target = asType(item, 'ResTarget');
    if (target === undefined) continue;
    const value = target['val'];
    const star = starOf(value);
    if (star !== undefined) {
      if (star.length === 0) stars.forEach(add);
      else {
        const row = env.level?.rowOf(star);
        add(row ?? { columns: [], open: traceOf(engine, value, env) });
      }
      continue;
    }
    const trace = traceOf(engine, value, env);
    // (row).* spreads a row of unknown columns.
    const spreads = asType(value, 'A_Indirection');
    if (spreads !== undefined && asType(listOf(spreads['indirection']).at(-1), 'A_Star') !== undefined)
      add({ columns: [], open: trace });
    else columns.push({ name: textOf(target['name']) ?? nameOfResult(value), trace });
  }
  const open = openOf(opens);
  return open === undefined ? { columns } : { columns, open };
}

/** The qualifiers of `q.*`; undefined for anything else. */
function starOf(value: unknown): readonly string[] | undefined {
  const list = listOf(asType(value, 'ColumnRef')?.['fields']);
  if (asType(list.at(-1), 'A_Star') === undefined) return undefined;
  return list.slice(0, -1).map((part) => stringOf(part) ?? '');
}
