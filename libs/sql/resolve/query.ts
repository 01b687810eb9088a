import {
  asNode,
  asType,
  fieldsOf,
  listOf,
  stringsOf,
  textOf,
  type Fields,
  type TypedNode,
} from '../syntax-tree.js';
import type { Ctes, Engine, Env } from './engine.js';
import { traceOf } from './from-clause.js';
import { Level } from './level.js';
import { modifyingQuery } from './modify.js';
import { targets } from './targets.js';
import { renamed, stacked, Trace, traceOfRow, type Row } from './trace.js';

/** A recursive query settles within as many rounds as it has columns to pass on; beyond this it is unknown. */
const MAX_ROUNDS = 32;

/** The result row of a SELECT, VALUES, INSERT, UPDATE, DELETE or MERGE, WITH included. */
export function traceQuery(engine: Engine, { type, fields }: TypedNode, outer: Env): Row {
  const env = withClause(engine, fields, outer);
  if (type !== 'SelectStmt') return modifyingQuery(engine, type, fields, env);
  return select(engine, fields, env);
}

function select(engine: Engine, fields: Fields, env: Env): Row {
  if (fields['op'] !== undefined && fields['op'] !== 'SETOP_NONE') return setOperation(engine, fields, env);
  const values = listOf(fields['valuesLists']);
  if (values.length > 0) return valuesRow(engine, fields, values, env);
  const level = new Level(env.level);
  const stars = listOf(fields['fromClause']).map((item) => engine.from(item, level, env));
  const inner = { ...env, level };
  const row = targets(engine, fields['targetList'], stars, inner);
  const looked = traceOf(
    engine,
    [
      fields['whereClause'],
      fields['havingClause'],
      fields['windowClause'],
      fields['limitCount'],
      fields['limitOffset'],
      fields['distinctClause'],
    ],
    inner,
  );
  engine.findings.reads(looked);
  // GROUP BY and ORDER BY may name a column of the result.
  sorting(engine, [fields['groupClause'], fields['sortClause']], row, inner);
  return row;
}

function sorting(engine: Engine, clauses: readonly unknown[], row: Row, env: Env): void {
  for (const item of clauses.flatMap((clause) => listOf(clause))) {
    const sort = asType(item, 'SortBy');
    const node = sort === undefined ? item : sort['node'];
    const parts = stringsOf(asType(node, 'ColumnRef')?.['fields']);
    const isOutput = parts?.length === 1 && row.columns.some(({ name }) => name === parts[0]);
    if (isOutput && env.level?.find(parts).is !== 'found') continue;
    engine.findings.reads(traceOf(engine, item, env));
  }
}

function valuesRow(engine: Engine, fields: Fields, values: readonly unknown[], env: Env): Row {
  const rows = values.map((list): Row => ({
    columns: listOf(asType(list, 'List')?.['items']).map((item, index) => ({
      name: `column${index + 1}`,
      trace: traceOf(engine, item, env),
    })),
  }));
  const row = stacked(rows);
  sorting(engine, [fields['sortClause']], row, env);
  return row;
}

function setOperation(engine: Engine, fields: Fields, env: Env): Row {
  const arms = [fields['larg'], fields['rarg']].map((arm) => {
    const wrapped = asNode(arm);
    const own = wrapped?.fields ?? fieldsOf(arm) ?? {};
    return select(engine, own, withClause(engine, own, env));
  });
  const row = stacked(arms);
  sorting(engine, [fields['sortClause']], row, env);
  engine.findings.reads(traceOf(engine, [fields['limitCount'], fields['limitOffset']], env));
  return row;
}

/** The environment with the statement's common table expressions in it. */
function withClause(engine: Engine, fields: Fields, env: Env): Env {
  const clause = fieldsOf(fields['withClause']);
  if (clause === undefined) return env;
  const expressions = listOf(clause['ctes'])
    .map((cte) => asType(cte, 'CommonTableExpr'))
    .filter((cte) => cte !== undefined);
  const ctes = new Map(env.ctes);
  const recursive = clause['recursive'] === true;
  // With RECURSIVE one may refer to a later one, which has no row yet.
  if (recursive) {
    const later = new Trace();
    later.cannotTell('a common table expression refers to a later one');
    for (const cte of expressions) ctes.set(textOf(cte['ctename']) ?? '', { columns: [], open: later });
  }
  for (const cte of expressions) {
    const name = textOf(cte['ctename']) ?? '';
    ctes.set(name, commonTable(engine, cte, name, recursive, { ...env, ctes }));
  }
  return { ...env, ctes };
}

function commonTable(engine: Engine, cte: Fields, name: string, recursive: boolean, env: Env): Row {
  const query = asNode(cte['ctequery']);
  if (query === undefined) return { columns: [], open: new Trace() };
  const names = stringsOf(cte['aliascolnames']) ?? [];
  const row =
    recursive && query.type === 'SelectStmt' && query.fields['op'] === 'SETOP_UNION'
      ? toFixpoint(engine, query, name, names, env)
      : renamed(engine.query(query, env), names);
  return extraColumns(cte, row);
}

function toFixpoint(engine: Engine, query: TypedNode, name: string, names: readonly string[], env: Env): Row {
  const { larg } = query.fields;
  const base = asNode(larg) ?? { type: 'SelectStmt', fields: fieldsOf(larg) ?? {} };
  const inner = withClause(engine, query.fields, env);
  let row = renamed(engine.query(base, inner), names);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const seen = sizeOf(row);
    const ctes: Ctes = new Map([...env.ctes, [name, row]]);
    row = renamed(engine.query(query, { ...env, ctes }), names);
    if (sizeOf(row) === seen) return row;
  }
  const all = traceOfRow(row);
  all.cannotTell('a recursive query does not settle');
  return { columns: row.columns.map((column) => ({ ...column, trace: all })), open: all };
}

const sizeOf = (row: Row): number =>
  row.columns.reduce(
    (sum, { trace }) => sum + trace.columns.size + (trace.unknown === undefined ? 0 : 1),
    0,
  ) + (row.open?.columns.size ?? 0);

/** SEARCH and CYCLE add columns made of those they name. */
function extraColumns(cte: Fields, row: Row): Row {
  const search = fieldsOf(cte['search_clause']);
  const cycle = fieldsOf(cte['cycle_clause']);
  if (search === undefined && cycle === undefined) return row;
  const trace = traceOfRow(row);
  const names = [search?.['search_seq_column'], cycle?.['cycle_mark_column'], cycle?.['cycle_path_column']];
  const columns = names.map(textOf).filter((name) => name !== undefined);
  return { ...row, columns: [...row.columns, ...columns.map((name) => ({ name, trace }))] };
}
