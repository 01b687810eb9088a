import { asType, fieldsOf, listOf, textOf, type Fields } from './syntax-tree.js';

/** The names of common table expressions that a relation name may mean here, innermost last. */
export type Scope = ReadonlySet<string>;

export const EMPTY_SCOPE: Scope = new Set();

export interface ScopedExpression {
  readonly expression: Fields;
  /** What the expression itself may refer to. */
  readonly scope: Scope;
}

/**
 * The CTEs of a statement's WITH, each with the names it sees: without RECURSIVE only those before it,
 * so that `WITH t AS (SELECT * FROM t)` reads the table t.
 */
export function scopeOf(statement: Fields, outer: Scope): { inner: Scope; expressions: ScopedExpression[] } {
  const withClause = fieldsOf(statement['withClause']);
  if (withClause === undefined) return { inner: outer, expressions: [] };
  const ctes = listOf(withClause['ctes'])
    .map((cte) => asType(cte, 'CommonTableExpr'))
    .filter((cte) => cte !== undefined);
  const all = new Set(outer);
  for (const cte of ctes) all.add(textOf(cte['ctename']) ?? '');
  const recursive = withClause['recursive'] === true;
  const seen = new Set(outer);
  const expressions = ctes.map((expression): ScopedExpression => {
    const scope: Scope = recursive ? all : new Set(seen);
    seen.add(textOf(expression['ctename']) ?? '');
    return { expression, scope };
  });
  return { inner: all, expressions };
}
