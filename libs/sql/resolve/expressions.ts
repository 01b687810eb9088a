import {
  asNode,
  asType,
  fieldsOf,
  joinName,
  listOf,
  stringOf,
  stringsOf,
  textOf,
  type Fields,
} from '../syntax-tree.js';
import type { Engine, Env } from './engine.js';
import { Trace, traceOfRow } from './trace.js';

/** What a count tells is how many there are, not what they are. */
const COUNTS: ReadonlySet<string> = new Set(['count']);

const QUERIES: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
]);

/** Adds to `into` every base column that can be in the value of an expression. */
export function traceExpression(engine: Engine, value: unknown, env: Env, into: Trace): void {
  if (Array.isArray(value)) {
    for (const item of value) traceExpression(engine, item, env, into);
    return;
  }
  const node = asNode(value);
  if (node === undefined) {
    const fields = fieldsOf(value);
    if (fields !== undefined) below(engine, fields, env, into);
    return;
  }
  const { type, fields } = node;
  switch (type) {
    case 'ColumnRef':
      return columnRef(engine, fields, env, into);
    case 'FuncCall':
      return functionCall(engine, fields, env, into);
    case 'SubLink':
      return subLink(engine, fields, env, into);
    case 'A_Expr':
      operator(engine, fields['name'], into);
      break;
    case 'A_Indirection':
      return indirection(engine, fields, env, into);
    case 'TypeName':
      engine.callByOid(engine.names.catalog.typeFunctions(stringsOf(fields['names'])?.at(-1) ?? ''), into);
      return;
    case 'SortBy':
      operator(engine, fields['useOp'], into);
      break;
    default:
      if (QUERIES.has(type)) {
        into.add(traceOfRow(engine.query(node, env)));
        return;
      }
  }
  below(engine, fields, env, into);
}

function below(engine: Engine, fields: Fields, env: Env, into: Trace): void {
  for (const name in fields) {
    const value = fields[name];
    if (typeof value !== 'object' || value === null) continue;
    // A TypeName stands bare where only one may stand.
    if (name === 'typeName') traceExpression(engine, { TypeName: value }, env, into);
    else traceExpression(engine, value, env, into);
  }
}

function columnRef(engine: Engine, fields: Fields, env: Env, into: Trace): void {
  const list = listOf(fields['fields']);
  const isStar = asType(list.at(-1), 'A_Star') !== undefined;
  const parts = (isStar ? list.slice(0, -1) : list).map((part) => stringOf(part) ?? '');
  const { level } = env;
  const found = new Trace();
  if (isStar) {
    const row = parts.length === 0 ? undefined : level?.rowOf(parts);
    found.add(row === undefined ? (level?.everything() ?? unknownName(joinName(parts))) : traceOfRow(row));
  } else if (parts.length === 1 && env.parameters?.has(parts[0] ?? '') === true) {
    // A column of that name goes before the argument.
    const column = level?.find(parts);
    if (column?.is === 'found') found.add(column.trace);
  } else if (
    parts.length > 1 &&
    env.parameters?.has(parts[0] ?? '') === true &&
    level?.rowOf(parts.slice(0, 1)) === undefined
  ) {
    return;
  } else {
    const column = level?.find(parts);
    if (column !== undefined) found.add(column.trace);
    if (column?.is === 'row-function') rowFunction(engine, column.name, found);
    if (column === undefined || column.is === 'unknown')
      found.cannotTell(`the column ${joinName(parts)} is not known`);
  }
  engine.findings.reads(found);
  into.add(found);
}

const unknownName = (name: string): Trace => {
  const trace = new Trace();
  trace.cannotTell(`${name}.* is not known`);
  return trace;
};

/** `row.name` and `(row).name`: a function of the row where it has no such column. */
function rowFunction(engine: Engine, name: string, into: Trace): void {
  engine.call([name], into);
}

function indirection(engine: Engine, fields: Fields, env: Env, into: Trace): void {
  const steps = listOf(fields['indirection']);
  const own = new Trace();
  traceExpression(engine, fields['arg'], env, own);
  into.add(own);
  for (const step of steps) {
    const name = stringOf(step);
    if (name !== undefined) {
      const { catalog, searchPath } = engine.names;
      if (catalog.userFunctions([name], searchPath).length > 0) engine.call([name], into);
    } else traceExpression(engine, step, env, into);
  }
}

function functionCall(engine: Engine, fields: Fields, env: Env, into: Trace): void {
  const parts = stringsOf(fields['funcname']) ?? [];
  const given = new Trace();
  for (const name in fields) if (name !== 'funcname') traceExpression(engine, fields[name], env, given);
  if (!COUNTS.has(parts.at(-1) ?? '') || parts.length > 1) into.add(given);
  engine.call(parts, into);
}

function subLink(engine: Engine, fields: Fields, env: Env, into: Trace): void {
  operator(engine, fields['operName'], into);
  traceExpression(engine, fields['testexpr'], env, into);
  const query = asNode(fields['subselect']);
  if (query === undefined) return;
  const row = engine.query(query, env);
  // Whether there is a row says nothing of what is in it.
  if (fields['subLinkType'] !== 'EXISTS_SUBLINK') into.add(traceOfRow(row));
}

function operator(engine: Engine, name: unknown, into: Trace): void {
  const { catalog, searchPath } = engine.names;
  engine.callByOid(catalog.operatorFunctions(stringsOf(name) ?? [], searchPath), into);
}

/** The name a result column gets where none is given, as far as it is simple. */
export function nameOfResult(value: unknown): string {
  const node = asNode(value);
  switch (node?.type) {
    case 'ColumnRef':
      return stringOf(listOf(node.fields['fields']).at(-1)) ?? '?column?';
    case 'A_Indirection':
      return stringOf(listOf(node.fields['indirection']).at(-1)) ?? nameOfResult(node.fields['arg']);
    case 'FuncCall':
      return stringsOf(node.fields['funcname'])?.at(-1) ?? '?column?';
    case 'TypeCast': {
      const inner = nameOfResult(node.fields['arg']);
      if (inner !== '?column?') return inner;
      return stringsOf(fieldsOf(node.fields['typeName'])?.['names'])?.at(-1) ?? inner;
    }
    case 'CollateClause':
      return nameOfResult(node.fields['arg']);
    case 'CoalesceExpr':
      return 'coalesce';
    case 'CaseExpr':
      return 'case';
    case 'A_ArrayExpr':
      return 'array';
    case 'RowExpr':
      return 'row';
    case 'MinMaxExpr':
      return node.fields['op'] === 'IS_LEAST' ? 'least' : 'greatest';
    case 'SubLink': {
      if (node.fields['subLinkType'] === 'EXISTS_SUBLINK') return 'exists';
      if (node.fields['subLinkType'] === 'ARRAY_SUBLINK') return 'array';
      if (node.fields['subLinkType'] !== 'EXPR_SUBLINK') return '?column?';
      const target = asType(
        listOf(asType(node.fields['subselect'], 'SelectStmt')?.['targetList'])[0],
        'ResTarget',
      );
      if (target === undefined) return '?column?';
      return textOf(target['name']) ?? nameOfResult(target['val']);
    }
    default:
      return '?column?';
  }
}
