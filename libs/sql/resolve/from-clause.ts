import { asNode, asType, fieldsOf, listOf, stringsOf, textOf, type Fields } from '../syntax-tree.js';
import type { Engine, Env } from './engine.js';
import type { Level } from './level.js';
import { type Entry } from './level.js';
import { joined, openOf, renamed, Trace, traceOfRow, type OutputOf, type Row } from './trace.js';

/** One item of FROM: its entries go into `level`, its row is its part of `*`. */
export function fromItem(engine: Engine, item: unknown, level: Level, env: Env): Row {
  const node = asNode(item);
  switch (node?.type) {
    case 'RangeVar':
      return rangeVar(engine, node.fields, level, env);
    case 'RangeSubselect':
      return rangeSubselect(engine, node.fields, level, env);
    case 'JoinExpr':
      return joinExpression(engine, node.fields, level, env);
    case 'RangeFunction':
      return rangeFunction(engine, node.fields, level, env);
    case 'RangeTableFunc':
    case 'JsonTable':
      return tableFunction(engine, node.fields, level, env);
    case 'RangeTableSample': {
      const row = fromItem(engine, node.fields['relation'], level, env);
      const ignored = new Trace();
      engine.expression(node.fields['args'], { ...env, level }, ignored);
      engine.call(stringsOf(node.fields['method']) ?? [], ignored);
      return row;
    }
    default:
      engine.findings.cannotTell(`the analysis does not know ${node?.type ?? 'this'} in FROM`);
      return { columns: [], open: new Trace() };
  }
}

const aliasName = (fields: Fields): string | undefined => textOf(fieldsOf(fields['alias'])?.['aliasname']);
const aliasColumns = (fields: Fields): readonly string[] =>
  stringsOf(fieldsOf(fields['alias'])?.['colnames']) ?? [];

function add(level: Level, entry: Entry): Row {
  level.entries.push(entry);
  return entry.row;
}

export function rangeVar(engine: Engine, fields: Fields, level: Level, env: Env): Row {
  const name = textOf(fields['relname']) ?? '';
  const alias = aliasName(fields);
  const names = aliasColumns(fields);
  const cte = fields['schemaname'] === undefined ? env.ctes.get(name) : undefined;
  if (cte !== undefined) return add(level, { alias: alias ?? name, row: renamed(cte, names) });
  const relation = engine.lookUp(fields);
  if (relation === undefined) {
    const open = new Trace();
    open.cannotTell(`the relation ${name} is not known`);
    return add(level, { alias: alias ?? name, row: { columns: [], open } });
  }
  const row = renamed(engine.relationRow(relation), names);
  return add(level, {
    alias: alias ?? name,
    row,
    relation,
    ...(alias === undefined ? { schema: relation.schema } : {}),
  });
}

function rangeSubselect(engine: Engine, fields: Fields, level: Level, env: Env): Row {
  const query = asNode(fields['subquery']);
  if (query === undefined) return { columns: [], open: new Trace() };
  const inner = { ...env, level: fields['lateral'] === true ? level : level.parent };
  const row = renamed(engine.query(query, inner), aliasColumns(fields));
  return add(level, { alias: aliasName(fields) ?? '', row });
}

function joinExpression(engine: Engine, fields: Fields, level: Level, env: Env): Row {
  const before = level.entries.length;
  const left = fromItem(engine, fields['larg'], level, env);
  const right = fromItem(engine, fields['rarg'], level, env);
  const using = stringsOf(fields['usingClause']) ?? [];
  const common =
    fields['isNatural'] === true
      ? left.columns.map(({ name }) => name).filter((name) => right.columns.some((one) => one.name === name))
      : using;
  if (fields['quals'] !== undefined)
    engine.findings.reads(traceOf(engine, fields['quals'], { ...env, level }));
  const merged = common.map((name): OutputOf => ({
    name,
    trace: new Trace().add(namedIn(left, name)).add(namedIn(right, name)),
  }));
  for (const { trace } of merged) engine.findings.reads(trace);
  const rest = (row: Row): OutputOf[] => row.columns.filter(({ name }) => !common.includes(name));
  const natural = fields['isNatural'] === true;
  const open = openOf([left, right]);
  const row: Row = {
    columns: [...merged, ...rest(left), ...rest(right)],
    // Which columns a natural join merges cannot be told where one side is open.
    ...(open === undefined ? {} : { open: natural ? traceOfRow(joined([left, right])) : open }),
  };
  const usingAlias = textOf(fieldsOf(fields['join_using_alias'])?.['aliasname']);
  if (usingAlias !== undefined) level.entries.push({ alias: usingAlias, row: { columns: merged } });
  const alias = aliasName(fields);
  if (alias === undefined) return row;
  // An alias on the join hides what it joins.
  level.entries.length = before;
  return add(level, { alias, row: renamed(row, aliasColumns(fields)) });
}

function namedIn(row: Row, name: string): Trace {
  const trace = new Trace();
  const matches = row.columns.filter((column) => column.name === name);
  for (const match of matches) trace.add(match.trace);
  if (matches.length === 0 && row.open !== undefined) trace.add(row.open);
  return trace;
}

export function traceOf(engine: Engine, value: unknown, env: Env): Trace {
  const trace = new Trace();
  engine.expression(value, env, trace);
  return trace;
}

/** Functions in FROM see what stands to their left. */
function rangeFunction(engine: Engine, fields: Fields, level: Level, env: Env): Row {
  const inner = { ...env, level };
  const alias = aliasName(fields);
  const given = columnDefinitions(fields['coldeflist']);
  const calls = listOf(fields['functions']).map((entry) => listOf(asType(entry, 'List')?.['items']));
  const rows = calls.map(([call, definitions]): Row => {
    const trace = traceOf(engine, call, inner);
    const columns = columnDefinitions(definitions);
    const named = columns.length > 0 ? columns : given;
    if (named.length > 0) {
      engine.findings.reshaped.push(trace);
      return { columns: named.map((name) => ({ name, trace })) };
    }
    return returned(engine, call, trace, calls.length === 1 ? alias : undefined);
  });
  const ordinality: Row = { columns: [{ name: 'ordinality', trace: new Trace() }] };
  const all = joined(fields['ordinality'] === true ? [...rows, ordinality] : rows);
  const name = alias ?? nameOfCall(calls[0]?.[0]) ?? '';
  return add(level, { alias: name, row: renamed(all, aliasColumns(fields)) });
}

const columnDefinitions = (value: unknown): string[] =>
  listOf(Array.isArray(value) ? value : asType(value, 'List')?.['items'])
    .map((definition) => textOf(asType(definition, 'ColumnDef')?.['colname']))
    .filter((name) => name !== undefined);

const nameOfCall = (call: unknown): string | undefined =>
  stringsOf(asType(call, 'FuncCall')?.['funcname'])?.at(-1);

/** The columns of a function's result. One value has the function's name, or the alias. */
function returned(engine: Engine, call: unknown, trace: Trace, alias: string | undefined): Row {
  const parts = stringsOf(asType(call, 'FuncCall')?.['funcname']) ?? [];
  const name = parts.at(-1) ?? '';
  const { catalog, searchPath } = engine.names;
  const shapes = catalog.userFunctions(parts, searchPath).map((one) => {
    if (one.outputs !== null) return one.outputs;
    return one.returnsRelation === 0 ? null : (catalog.rowColumns(one.returnsRelation) ?? null);
  });
  const system = catalog.systemFunctions.get(name);
  if (system !== undefined) shapes.push(system);
  const [shape] = shapes;
  const certain = shapes.length === 1 && (name !== 'unnest' || parts.length > 2);
  if (certain && shape !== undefined && shape !== null)
    return { columns: shape.map((column) => ({ name: column, trace })) };
  if (certain && shape === null && !ROW_VALUED.has(name))
    return { columns: [{ name: alias ?? name, trace }] };
  // Several shapes, or rows of the argument's own type: any number of columns of any name.
  return { columns: [], open: trace };
}

/** They return rows of whatever type they are given, or records. */
const ROW_VALUED: ReadonlySet<string> = new Set([
  'unnest',
  'json_populate_record',
  'json_populate_recordset',
  'jsonb_populate_record',
  'jsonb_populate_recordset',
  'json_to_record',
  'json_to_recordset',
  'jsonb_to_record',
  'jsonb_to_recordset',
]);

/** XMLTABLE and JSON_TABLE. */
function tableFunction(engine: Engine, fields: Fields, level: Level, env: Env): Row {
  const { alias: _alias, columns, ...given } = fields;
  const trace = traceOf(engine, [given], { ...env, level });
  engine.expression(columns, { ...env, level }, trace);
  const names = columnNames(columns);
  const row: Row = { columns: names.map((name) => ({ name, trace })) };
  return add(level, { alias: aliasName(fields) ?? 'xmltable', row: renamed(row, aliasColumns(fields)) });
}

function columnNames(columns: unknown): string[] {
  return listOf(columns).flatMap((column) => {
    const node = asNode(column);
    if (node?.type === 'JsonTableColumn' && node.fields['columns'] !== undefined)
      return columnNames(node.fields['columns']);
    return [textOf(node?.fields['colname']) ?? textOf(node?.fields['name']) ?? ''];
  });
}
