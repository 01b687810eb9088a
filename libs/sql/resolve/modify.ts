import type { Relation } from '../catalog/catalog.js';
import { asNode, asType, fieldsOf, listOf, textOf, type Fields } from '../syntax-tree.js';
import type { Engine, Env } from './engine.js';
import type { WriteKind } from './findings.js';
import { rangeVar, traceOf } from './from-clause.js';
import { Level } from './level.js';
import { targets } from './targets.js';
import { Trace, type Row } from './trace.js';

/** INSERT, UPDATE, DELETE and MERGE; the row is that of RETURNING. */
export function modifyingQuery(engine: Engine, type: string, fields: Fields, env: Env): Row {
  const level = new Level(env.level);
  const relation = fieldsOf(fields['relation']) ?? {};
  // The target is never a common table expression.
  const target = rangeVar(engine, relation, level, { ...env, ctes: new Map() });
  const written = engine.lookUp(relation);
  const inner = { ...env, level };
  const write = (kind: WriteKind, columns: readonly string[]): void => {
    if (written !== undefined) engine.findings.writes.push({ relation: written, kind, columns });
  };
  let others: Row[] = [];
  switch (type) {
    case 'InsertStmt': {
      const { columns, proposed } = insert(engine, fields, written, target, env);
      write('insert', columns);
      const conflict = fieldsOf(fields['onConflictClause']);
      if (conflict !== undefined) {
        level.entries.push({ alias: 'excluded', row: proposed });
        if (listOf(conflict['targetList']).length > 0)
          write('update', assign(engine, conflict['targetList'], written, inner));
        engine.findings.reads(traceOf(engine, [conflict['infer'], conflict['whereClause']], inner));
      }
      break;
    }
    case 'UpdateStmt':
      others = listOf(fields['fromClause']).map((item) => engine.from(item, level, env));
      write('update', assign(engine, fields['targetList'], written, inner));
      break;
    case 'DeleteStmt':
      others = listOf(fields['usingClause']).map((item) => engine.from(item, level, env));
      write('delete', []);
      break;
    default:
      others = [engine.from(fields['sourceRelation'], level, env)];
      engine.findings.reads(traceOf(engine, fields['joinCondition'], inner));
      for (const clause of listOf(fields['mergeWhenClauses']))
        mergeClause(engine, asType(clause, 'MergeWhenClause') ?? {}, written, inner, write);
  }
  engine.findings.reads(traceOf(engine, fields['whereClause'], inner));
  return returning(engine, fields, target, others, inner);
}

function returning(engine: Engine, fields: Fields, target: Row, others: readonly Row[], env: Env): Row {
  const clause = fieldsOf(fields['returningClause']);
  const list = clause === undefined ? fields['returningList'] : clause['exprs'];
  if (listOf(list).length === 0) return { columns: [] };
  const level = env.level ?? new Level(undefined);
  const names = listOf(clause?.['options'])
    .map((option) => textOf(asType(option, 'ReturningOption')?.['value']))
    .filter((name) => name !== undefined);
  for (const alias of ['old', 'new', ...names])
    if (!level.entries.some((entry) => entry.alias === alias)) level.entries.push({ alias, row: target });
  return targets(engine, list, [target, ...others], env);
}

/** The columns written, and the row that `excluded` stands for. */
function insert(
  engine: Engine,
  fields: Fields,
  written: Relation | undefined,
  target: Row,
  env: Env,
): { columns: readonly string[]; proposed: Row } {
  const listed = listOf(fields['cols']).map((column) => textOf(asType(column, 'ResTarget')?.['name']) ?? '');
  const names = listed.length > 0 ? listed : target.columns.map(({ name }) => name);
  const query = asNode(fields['selectStmt']);
  if (query === undefined) return { columns: names, proposed: target };
  const row = engine.query(query, env);
  const spread = new Trace();
  if (row.open !== undefined) for (const { trace } of row.columns) spread.add(trace);
  const given = names.flatMap((column, index) => {
    const from = row.open === undefined ? row.columns[index]?.trace : new Trace().add(row.open).add(spread);
    return from === undefined ? [] : [{ column, from }];
  });
  for (const { column, from } of given) engine.findings.flows.push({ from, column, relation: written });
  const rest = target.columns.filter(({ name }) => !given.some(({ column }) => column === name));
  return {
    columns: given.map(({ column }) => column),
    proposed: { columns: [...given.map(({ column, from }) => ({ name: column, trace: from })), ...rest] },
  };
}

/** SET: each column with what goes into it. */
function assign(engine: Engine, list: unknown, written: Relation | undefined, env: Env): string[] {
  return listOf(list).map((item) => {
    const target = asType(item, 'ResTarget') ?? {};
    const column = textOf(target['name']) ?? '';
    const source = asType(target['val'], 'MultiAssignRef')?.['source'] ?? target['val'];
    const from = traceOf(engine, source, env);
    traceOf(engine, target['indirection'], env);
    engine.findings.flows.push({ from, column, relation: written });
    return column;
  });
}

function mergeClause(
  engine: Engine,
  clause: Fields,
  written: Relation | undefined,
  env: Env,
  write: (kind: WriteKind, columns: readonly string[]) => void,
): void {
  engine.findings.reads(traceOf(engine, clause['condition'], env));
  switch (clause['commandType']) {
    case 'CMD_UPDATE':
      return write('update', assign(engine, clause['targetList'], written, env));
    case 'CMD_DELETE':
      return write('delete', []);
    case 'CMD_INSERT': {
      const columns = listOf(clause['targetList']).map(
        (item) => textOf(asType(item, 'ResTarget')?.['name']) ?? '',
      );
      const names = columns.length > 0 ? columns : (written?.columns ?? []).map(({ name }) => name);
      listOf(clause['values']).forEach((value, index) => {
        const from = traceOf(engine, value, env);
        engine.findings.flows.push({ from, column: names[index] ?? '', relation: written });
      });
      return write('insert', names);
    }
  }
}
