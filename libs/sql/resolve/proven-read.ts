import type { StatementAnalysis } from '../analysis.js';
import type { Catalog, Relation } from '../catalog/catalog.js';
import { STEADY_FUNCTIONS } from '../steady.js';
import { asNode, fieldsOf, listOf, stringsOf, type Fields, type TypedNode } from '../syntax-tree.js';
import type { NameSpace } from './engine.js';
import type { Findings } from './findings.js';
import { compiledIsHarmless } from './user-code.js';

/** What may stand in a query that is proven: everything else is not looked into. */
const NODES: ReadonlySet<string> = new Set(
  `A_ArrayExpr A_Const A_Expr A_Indices A_Indirection A_Star BitString BoolExpr Boolean BooleanTest CaseExpr
  CaseWhen CoalesceExpr CollateClause ColumnRef CommonTableExpr Float FuncCall GroupingFunc GroupingSet Integer
  JoinExpr List MinMaxExpr NullTest ParamRef RangeFunction RangeSubselect RangeVar ResTarget RowExpr SelectStmt SortBy
  SQLValueFunction String SubLink TypeCast WindowDef`.split(/\s+/),
);

const AGGREGATES_AND_WINDOWS = `array_agg avg bool_and bool_or count cume_dist dense_rank every first_value
  json_agg json_object_agg jsonb_agg jsonb_object_agg lag last_value lead max min nth_value ntile percent_rank
  percentile_cont percentile_disc rank row_number stddev string_agg sum variance`;

/** The system's own functions that compute and nothing else. What is left out only goes the strict way. */
const FUNCTIONS: ReadonlySet<string> = new Set([
  ...STEADY_FUNCTIONS,
  ...AGGREGATES_AND_WINDOWS.split(/\s+/),
  ...`array_length array_to_string cardinality char_length character_length date_bin exp generate_series
  json_build_object jsonb_build_object length ln log mod nullif octet_length position power quote_ident
  quote_literal regexp_replace repeat reverse row_to_json sign split_part sqrt starts_with strpos to_json to_jsonb
  unnest`.split(/\s+/),
]);

/** Relations whose rows are read and nothing more: views and foreign tables have code or servers behind them. */
const STORED: ReadonlySet<string> = new Set(['r', 'p', 'm']);

/** What sorting, grouping, DISTINCT, IN and joins call without naming it. */
const UNNAMED_OPERATORS = ['=', '<>', '<', '>', '<=', '>='];

/**
 * Whether a statement is proven to do nothing but compute an answer from stored rows: a SELECT or VALUES of
 * tables, built-in operators and built-in functions, whose names lead nowhere else. False wherever anything
 * of that is not certain. What it leaves at the server is what any reading leaves: locks for as long as it
 * lasts, statistics, hint bits.
 */
export function isProvenRead(
  node: TypedNode,
  analysis: StatementAnalysis,
  names: NameSpace,
  findings: Findings,
): boolean {
  const { catalog } = names;
  return (
    (analysis.kind === 'SELECT' || analysis.kind === 'VALUES') &&
    analysis.kinds.every((kind) => kind === 'SELECT' || kind === 'VALUES') &&
    analysis.category === 'read' &&
    analysis.incomplete === undefined &&
    findings.incomplete === undefined &&
    analysis.transaction === undefined &&
    analysis.refersTo === undefined &&
    !analysis.changesContext &&
    analysis.traits.length + findings.innerTraits.size + analysis.settings.length === 0 &&
    analysis.writes.length + findings.written.size + findings.userFunctions.size + findings.missing.size ===
      0 &&
    [...findings.read.values()].every((relation) => isStored(relation, catalog)) &&
    catalog.rows.casts.every(([, , cast]) => functionIsHarmless(cast, catalog)) &&
    UNNAMED_OPERATORS.every((name) => operatorIsHarmless([name], names)) &&
    onlyComputes({ [node.type]: node.fields }, names)
  );
}

function isStored(relation: Relation, catalog: Catalog): boolean {
  return catalog
    .withDescendants(relation)
    .every(
      ({ oid, kind }) =>
        STORED.has(kind) &&
        !catalog.rowSecurity.has(oid) &&
        (catalog.code.get(oid) ?? []).every((one) => functionIsHarmless(one.function, catalog)),
    );
}

function onlyComputes(value: unknown, names: NameSpace): boolean {
  if (Array.isArray(value)) return value.every((item) => onlyComputes(item, names));
  const node = asNode(value);
  const fields = node?.fields ?? fieldsOf(value);
  if (fields === undefined) return true;
  if (node !== undefined && !(NODES.has(node.type) && nodeOnlyComputes(node, names))) return false;
  // A SELECT INTO in an arm of a set operation.
  if (fields['intoClause'] !== undefined || listOf(fields['lockingClause']).length > 0) return false;
  // Wherever a type stands: one outside pg_catalog may be a domain, whose checks are code.
  if (fields['typeName'] !== undefined && !isSystemType(fields['typeName'])) return false;
  return Object.entries(fields).every(([name, field]) => name === 'typeName' || onlyComputes(field, names));
}

function nodeOnlyComputes({ type, fields }: TypedNode, names: NameSpace): boolean {
  if (type === 'FuncCall') {
    const parts = stringsOf(fields['funcname']) ?? [];
    return isSystemName(parts) && FUNCTIONS.has(parts.at(-1) ?? '') && leadsToSystem(parts, names);
  }
  if (type === 'A_Expr' || type === 'SubLink' || type === 'SortBy') {
    const operator = type === 'A_Expr' ? 'name' : type === 'SubLink' ? 'operName' : 'useOp';
    const parts = stringsOf(fields[operator]) ?? [];
    return parts.length === 0 || (isSystemName(parts) && operatorIsHarmless(parts, names));
  }
  return true;
}

const isSystemName = (parts: readonly string[]): boolean =>
  parts.length === 1 || (parts.length === 2 && parts[0] === 'pg_catalog');

/** No function of the users' can be meant, whatever the arguments are. */
const leadsToSystem = (parts: readonly string[], { catalog, searchPath }: NameSpace): boolean =>
  catalog.userFunctions(parts, searchPath).every((one) => compiledIsHarmless(one) === true);

const operatorIsHarmless = (parts: readonly string[], { catalog, searchPath }: NameSpace): boolean =>
  catalog.operatorFunctions(parts, searchPath).every((oid) => functionIsHarmless(oid, catalog));

/** Of an operator, cast or index that users made: one on a system function may be made to do anything. */
function functionIsHarmless(oid: number, catalog: Catalog): boolean {
  const one = catalog.functions.get(oid);
  return one !== undefined && compiledIsHarmless(one) === true;
}

/** The grammar's own names of types are pg_catalog's; any other name is looked up where temporary types come first. */
const isSystemType = (typeName: unknown): boolean => {
  const parts = stringsOf((fieldsOf(typeName) as Fields)['names']) ?? [];
  return parts.length === 2 && parts[0] === 'pg_catalog';
};
