import { isSteady } from './steady.js';
import {
  asNode,
  asType,
  fieldsOf,
  listOf,
  literalText,
  stringOf,
  stringsOf,
  textOf,
  type Fields,
} from './syntax-tree.js';

/**
 * Whose rows a condition is asked to restrict. The question is asked of the text alone, without a
 * catalog, so only what certainly compares a column of this relation with given values counts.
 */
export interface Subject {
  /** The alias, or the relation's own name where it has none. */
  readonly alias: string;
  /** Whether an unqualified column can only be this relation's. */
  readonly unqualified: boolean;
  /** Relations whose rows are given or already restricted: an equality with their columns restricts too. */
  readonly fixed: ReadonlySet<string>;
  /** Names of common table expressions: their columns may be computed, so comparing them proves nothing. */
  readonly ctes: ReadonlySet<string>;
}

/** They hold the same, or nearly the same, for all rows. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'xmax', 'cmin', 'cmax', 'oid']);

/** Built-in functions that give much the same for every row and, as `t.f`, look like a column. */
const ROW_FUNCTIONS: ReadonlySet<string> = new Set([
  'num_nonnulls',
  'num_nulls',
  'pg_collation_for',
  'pg_column_compression',
  'pg_column_size',
  'pg_typeof',
]);

/** Texts that a boolean column reads as true or false: such an equality may well be every row. */
const BOOLEAN_TEXT =
  /(^|[{,])[\s"]*(t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|of|off)[\s"]*($|[},])/i;

/** The widest range of `id` that still counts as a few rows. */
const MAX_RANGE = 1_000n;

/** The most rows of a LIMIT that still count as a few. */
const MAX_LIMIT = 10_000n;

/** Whether the condition certainly keeps rows out. Absent, constant or unclear means no. */
export function restricts(condition: unknown, subject: Subject): boolean {
  if (compares(condition, subject)) return true;
  const bool = asType(condition, 'BoolExpr');
  if (bool === undefined) return false;
  const arms = listOf(bool['args']);
  if (bool['boolop'] === 'OR_EXPR') return arms.length > 0 && arms.every((arm) => restricts(arm, subject));
  if (bool['boolop'] !== 'AND_EXPR') return false;
  return arms.some((arm) => restricts(arm, subject)) || isNarrowRange(arms, subject);
}

function compares(condition: unknown, subject: Subject): boolean {
  const node = asNode(condition);
  switch (node?.type) {
    case 'CurrentOfExpr':
      return true;
    case 'SubLink':
      return (
        node.fields['subLinkType'] === 'ANY_SUBLINK' &&
        (stringsOf(node.fields['operName'])?.join('.') || '=') === '=' &&
        isColumn(node.fields['testexpr'], subject) &&
        isFixedQuery(node.fields['subselect'], subject)
      );
    case 'A_Expr':
      return comparison(node.fields, subject);
    default:
      return false;
  }
}

function comparison(expression: Fields, subject: Subject): boolean {
  const { lexpr, rexpr } = expression;
  if (expression['kind'] === 'AEXPR_BETWEEN') return isNarrowRange([{ A_Expr: expression }], subject);
  switch (expression['kind']) {
    case 'AEXPR_OP':
      return (
        isOperator(expression, '=') &&
        (equates(lexpr, rexpr, subject) || equates(rexpr, lexpr, subject) || rowsEqual(lexpr, rexpr, subject))
      );
    case 'AEXPR_NOT_DISTINCT':
      return (
        (isLiteral(rexpr) && equates(lexpr, rexpr, subject)) ||
        (isLiteral(lexpr) && equates(rexpr, lexpr, subject))
      );
    case 'AEXPR_IN': {
      const values = listOf(asType(rexpr, 'List')?.['items']);
      return (
        isOperator(expression, '=') &&
        values.length > 0 &&
        values.every((value) => equates(lexpr, value, subject) || rowsEqual(lexpr, value, subject))
      );
    }
    case 'AEXPR_OP_ANY':
      return isOperator(expression, '=') && isColumn(lexpr, subject) && isGivenArray(rexpr);
    default:
      return false;
  }
}

const isOperator = (expression: Fields, operator: string): boolean => {
  const parts = stringsOf(expression['name']) ?? [];
  return parts.at(-1) === operator && (parts.length === 1 || parts[0] === 'pg_catalog');
};

function equates(column: unknown, value: unknown, subject: Subject): boolean {
  return isColumn(column, subject) && (isGivenValue(value, subject) || isFixedColumn(value, subject));
}

function rowsEqual(left: unknown, right: unknown, subject: Subject): boolean {
  const columns = listOf(asType(left, 'RowExpr')?.['args']);
  const values = listOf(asType(right, 'RowExpr')?.['args']);
  return (
    columns.length > 0 &&
    columns.length === values.length &&
    columns.some((column, index) => equates(column, values[index], subject))
  );
}

/** A plain column of the subject, not a system column, not computed. */
function isColumn(value: unknown, subject: Subject): boolean {
  const parts = stringsOf(asType(value, 'ColumnRef')?.['fields']);
  if (parts === undefined) return false;
  const name = parts.at(-1) ?? '';
  if (SYSTEM_COLUMNS.has(name) || ROW_FUNCTIONS.has(name)) return false;
  if (parts.length === 1) return subject.unqualified && name !== subject.alias;
  return parts.length === 2 && parts[0] === subject.alias;
}

function isFixedColumn(value: unknown, subject: Subject): boolean {
  const parts = stringsOf(asType(value, 'ColumnRef')?.['fields']);
  return parts?.length === 2 && subject.fixed.has(parts[0] ?? '');
}

/** One value for all rows: a parameter, a literal, steady functions of these, an uncorrelated subquery. */
function isGivenValue(value: unknown, subject: Subject): boolean {
  const link = asType(value, 'SubLink');
  if (link === undefined) return isSteady(value) && !mayBeBoolean(value);
  return link['subLinkType'] === 'EXPR_SUBLINK' && isFixedQuery(link['subselect'], subject);
}

/** An array that is written out or a parameter; not one gathered by a query. */
const isGivenArray = (value: unknown): boolean => isSteady(value) && !mayBeBoolean(value);

/** Half or all of a table may equal a boolean. */
export function mayBeBoolean(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(mayBeBoolean);
  const node = asNode(value);
  if (node === undefined) return false;
  const { type, fields } = node;
  if (type === 'A_Const') return BOOLEAN_TEXT.test(literalText(value) ?? '');
  if (type === 'TypeCast') {
    const name = stringsOf(fieldsOf(fields['typeName'])?.['names'])?.at(-1);
    return name === 'bool' || mayBeBoolean(fields['arg']);
  }
  if (type === 'A_Expr' && !/^[-+*/%|#&^]+$/.test(stringsOf(fields['name'])?.at(-1) ?? '')) return true;
  return Object.values(fields).some(mayBeBoolean);
}

/** A literal that is not NULL, cast or not. */
function isLiteral(value: unknown): boolean {
  const node = asNode(value);
  if (node?.type === 'TypeCast') return isLiteral(node.fields['arg']);
  return node?.type === 'A_Const' && node.fields['isnull'] !== true;
}

/**
 * A subquery over one relation, restricted itself or by LIMIT, that certainly gives a column of that
 * relation. An unqualified column may be the outer relation's and make the condition true for every row.
 */
function isFixedQuery(query: unknown, outer: Subject): boolean {
  const select = asType(query, 'SelectStmt');
  if (select === undefined || select['withClause'] !== undefined) return false;
  if (listOf(select['valuesLists']).length > 0) {
    return isSteady(select['valuesLists']) && !mayBeBoolean(select['valuesLists']);
  }
  const from = listOf(select['fromClause']);
  const relation = asType(from[0], 'RangeVar');
  if (select['op'] !== 'SETOP_NONE' || from.length !== 1 || relation === undefined) return false;
  const subject: Subject = {
    alias: aliasOf(relation),
    unqualified: false,
    fixed: new Set(),
    ctes: outer.ctes,
  };
  const targets = listOf(select['targetList']).map((target) => asType(target, 'ResTarget')?.['val']);
  if (targets.length !== 1 || !isColumn(targets[0], subject)) return false;
  if (hasSmallLimit(select)) return true;
  return !isCte(relation, outer.ctes) && restricts(select['whereClause'], subject);
}

/** LIMIT with a small integer literal. */
export function hasSmallLimit(select: Fields): boolean {
  if (select['limitOption'] !== 'LIMIT_OPTION_COUNT') return false;
  const limit = integerOf(select['limitCount']);
  return limit !== undefined && limit <= MAX_LIMIT;
}

export const isCte = (relation: Fields, ctes: ReadonlySet<string>): boolean =>
  relation['schemaname'] === undefined && ctes.has(textOf(relation['relname']) ?? '');

export const aliasOf = (relation: Fields): string =>
  textOf(fieldsOf(relation['alias'])?.['aliasname']) ?? textOf(relation['relname']) ?? '';

/** An integer literal, signed or not. */
function integerOf(value: unknown): bigint | undefined {
  const node = asNode(value);
  if (node?.type === 'A_Expr' && stringOf(listOf(node.fields['name'])[0]) === '-' && !node.fields['lexpr']) {
    const inner = integerOf(node.fields['rexpr']);
    return inner === undefined ? undefined : -inner;
  }
  if (node?.type !== 'A_Const') return undefined;
  const text = literalText(value);
  const isInteger = node.fields['sval'] === undefined && text !== undefined && /^[0-9]{1,19}$/.test(text);
  return isInteger ? BigInt(text) : undefined;
}

interface Bounds {
  low?: bigint;
  high?: bigint;
}

/**
 * Two integer bounds on `id`, close together. One bound alone may be a full range, and so may two on a
 * column whose values are few (`age BETWEEN 0 AND 150`).
 */
function isNarrowRange(arms: readonly unknown[], subject: Subject): boolean {
  const bounds: Bounds = {};
  const note = (column: unknown, side: keyof Bounds, value: unknown): void => {
    const bound = integerOf(value);
    const name = stringsOf(asType(column, 'ColumnRef')?.['fields'])?.at(-1);
    if (bound !== undefined && name === 'id' && isColumn(column, subject)) bounds[side] ??= bound;
  };
  for (const arm of arms) {
    const expression = asType(arm, 'A_Expr');
    if (expression === undefined) continue;
    const { lexpr, rexpr } = expression;
    if (expression['kind'] === 'AEXPR_BETWEEN') {
      const [low, high] = listOf(asType(rexpr, 'List')?.['items']);
      note(lexpr, 'low', low);
      note(lexpr, 'high', high);
    } else if (expression['kind'] === 'AEXPR_OP') {
      const above = isOperator(expression, '>') || isOperator(expression, '>=');
      const below = isOperator(expression, '<') || isOperator(expression, '<=');
      if (above || below) {
        note(lexpr, above ? 'low' : 'high', rexpr);
        note(rexpr, above ? 'high' : 'low', lexpr);
      }
    }
  }
  const { low, high } = bounds;
  return low !== undefined && high !== undefined && high - low <= MAX_RANGE;
}
