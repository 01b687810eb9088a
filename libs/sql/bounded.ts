import { aliasOf, hasSmallLimit, isCte, mayBeBoolean, restricts, type Subject } from './restriction.js';
import { isGivenRelation } from './steady.js';
import { asNode, asType, fieldsOf, listOf, textOf, type Fields, type TypedNode } from './syntax-tree.js';

/** Names of the common table expressions in scope. */
type Ctes = ReadonlySet<string>;

/**
 * Whether an INSERT, UPDATE, DELETE or MERGE certainly leaves most rows alone (what is unsure is not
 * bounded). Judged by the text alone: `status = 'active'` counts as a restriction, `id > 0` does not. Which
 * columns are unique would make no answer safer: what is bounded says that some rows are left alone, not how
 * many; that is what EXPLAIN's estimate and the row ceiling are for.
 */
export function writeIsBounded({ type, fields }: TypedNode, ctes: Ctes): boolean {
  switch (type) {
    case 'InsertStmt':
      return insertIsBounded(fields);
    case 'UpdateStmt':
      return whereRestricts(fields, listOf(fields['fromClause']), ctes);
    case 'DeleteStmt':
      return whereRestricts(fields, listOf(fields['usingClause']), ctes);
    case 'MergeStmt':
      return mergeIsBounded(fields, ctes);
    default:
      return false;
  }
}

/** SELECT … FOR UPDATE locks what it reads. */
export function selectForUpdateIsBounded(select: Fields, ctes: Ctes): boolean {
  if (hasSmallLimit(select)) return true;
  const from = listOf(select['fromClause']);
  const relation = asType(from[0], 'RangeVar');
  if (from.length !== 1 || relation === undefined || isCte(relation, ctes)) return false;
  return restricts(select['whereClause'], subjectOf(relation, [], undefined, ctes));
}

/** Only ON CONFLICT DO UPDATE touches rows that are there: one for each row given. */
function insertIsBounded(fields: Fields): boolean {
  const action = fieldsOf(fields['onConflictClause'])?.['action'];
  if (action === undefined || action === 'ONCONFLICT_NOTHING') return true;
  const source = asType(fields['selectStmt'], 'SelectStmt');
  return source === undefined || listOf(source['valuesLists']).length > 0;
}

function whereRestricts(fields: Fields, others: readonly unknown[], ctes: Ctes): boolean {
  const target = fieldsOf(fields['relation']) ?? {};
  return restricts(fields['whereClause'], subjectOf(target, others, fields['whereClause'], ctes));
}

/**
 * With other relations beside the target an unqualified column may be theirs. A relation beside it is
 * fixed when the text gives its rows, or when the condition restricts it by its own qualified columns.
 */
function subjectOf(target: Fields, others: readonly unknown[], condition: unknown, ctes: Ctes): Subject {
  const alias = aliasOf(target);
  if (others.length === 0) return { alias, unqualified: true, fixed: new Set(), ctes };
  const fixed = new Set<string>();
  for (const other of others) {
    const name = nameOf(other);
    if (name === undefined || name === alias) continue;
    const relation = asType(other, 'RangeVar');
    const own: Subject = { alias: name, unqualified: false, fixed: new Set(), ctes };
    const isTable = relation !== undefined && !isCte(relation, ctes);
    const isGiven = isGivenRelation(other) && !mayBeBoolean(other);
    if (isGiven || (isTable && restricts(condition, own))) fixed.add(name);
  }
  return { alias, unqualified: false, fixed, ctes };
}

function nameOf(relation: unknown): string | undefined {
  const node = asNode(relation);
  if (node?.type === 'RangeVar') return aliasOf(node.fields);
  if (node?.type !== 'RangeSubselect' && node?.type !== 'RangeFunction') return undefined;
  return textOf(fieldsOf(node.fields['alias'])?.['aliasname']);
}

function mergeIsBounded(fields: Fields, ctes: Ctes): boolean {
  const clauses = listOf(fields['mergeWhenClauses']).map((clause) => asType(clause, 'MergeWhenClause') ?? {});
  const touching = clauses.filter(
    ({ commandType }) => commandType !== 'CMD_INSERT' && commandType !== 'CMD_NOTHING',
  );
  if (touching.length === 0) return clauses.length > 0;
  if (touching.some(({ matchKind }) => matchKind !== 'MERGE_WHEN_MATCHED')) return false;
  const target = fieldsOf(fields['relation']) ?? {};
  return restricts(
    fields['joinCondition'],
    subjectOf(target, [fields['sourceRelation']], fields['joinCondition'], ctes),
  );
}
