import { asNode, asType, listOf, stringsOf } from './syntax-tree.js';

/** Functions that give the same value for the whole statement when their arguments do. */
export const STEADY_FUNCTIONS: ReadonlySet<string> = new Set(
  `abs age array_append coalesce concat current_setting date_part date_trunc decode encode extract floor ceil
  format greatest least length lower ltrim make_date make_interval make_timestamp make_timestamptz md5 now
  nullif replace round rtrim statement_timestamp string_to_array substr substring timezone to_char to_date
  to_number to_timestamp transaction_timestamp trim trunc btrim upper`.split(/\s+/),
);

const TRANSPARENT: ReadonlySet<string> = new Set([
  'A_ArrayExpr',
  'A_Expr',
  'CoalesceExpr',
  'CollateClause',
  'List',
  'MinMaxExpr',
  'TypeCast',
]);

/**
 * Whether an expression is one value for all rows: literals, parameters, and steady built-in functions
 * and operators of these. No column, no subquery, nothing volatile: `id = nextval('s')` may be every row.
 */
export function isSteady(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isSteady);
  const node = asNode(value);
  if (node === undefined) return false;
  const { type, fields } = node;
  if (type === 'A_Const' || type === 'ParamRef' || type === 'SQLValueFunction') return true;
  if (type === 'FuncCall') {
    const parts = stringsOf(fields['funcname']) ?? [];
    const schemaIsBuiltIn = parts.length === 1 || (parts.length === 2 && parts[0] === 'pg_catalog');
    return (
      schemaIsBuiltIn && STEADY_FUNCTIONS.has(parts.at(-1) ?? '') && listOf(fields['args']).every(isSteady)
    );
  }
  if (!TRANSPARENT.has(type)) return false;
  if (type === 'A_Expr') {
    const left = fields['lexpr'];
    return (left === undefined || isSteady(left)) && isSteady(fields['rexpr']);
  }
  if (type === 'A_ArrayExpr') return isSteady(listOf(fields['elements']));
  if (type === 'List') return isSteady(listOf(fields['items']));
  if (type === 'CoalesceExpr' || type === 'MinMaxExpr') return isSteady(listOf(fields['args']));
  return isSteady(fields['arg']);
}

/** Whether a relation in FROM holds rows that the text itself gives: VALUES, or unnest of what is given. */
export function isGivenRelation(value: unknown): boolean {
  const subselect = asType(asType(value, 'RangeSubselect')?.['subquery'], 'SelectStmt');
  if (subselect !== undefined) {
    const rows = listOf(subselect['valuesLists']);
    return rows.length > 0 && rows.every((row) => listOf(asType(row, 'List')?.['items']).every(isSteady));
  }
  const functions = listOf(asType(value, 'RangeFunction')?.['functions']);
  return (
    functions.length > 0 &&
    functions.every((entry) => {
      const call = asType(listOf(asType(entry, 'List')?.['items'])[0], 'FuncCall');
      return (
        stringsOf(call?.['funcname'])?.join('.').replace('pg_catalog.', '') === 'unnest' &&
        listOf(call?.['args']).every(isSteady)
      );
    })
  );
}
