import type { StatementAnalysis } from '#libs/sql/analysis.js';
import type { Refusal } from '../postgres/refusal.js';

/** The most rows a statement may change; above it everything it did is rolled back. */
export interface RowCeiling {
  readonly maxRows: number;
  /** What the client is told when it changed `rows` instead. */
  readonly refusal: (rows: number) => Refusal;
}

/** The lowest of the limits that are given. */
export function lowestRowLimit(...limits: readonly (number | undefined)[]): number | undefined {
  const given = limits.filter((limit) => limit !== undefined);
  return given.length === 0 ? undefined : Math.min(...given);
}

/** Whose command tags count the rows they changed. */
const COUNTED = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'CREATE TABLE AS', 'SELECT INTO']);

/** Such tags in the middle of a message, by their first word; a SELECT's counts rows that it read. */
const COUNTED_TAGS = /^(INSERT|UPDATE|DELETE|MERGE) /;

/** The rows that a command tag says were changed. `makesTable`: the message has CREATE TABLE AS. */
export function changedRows(tag: string, makesTable: boolean): number {
  if (!COUNTED_TAGS.test(tag) && !(makesTable && tag.startsWith('SELECT '))) return 0;
  return Number(tag.slice(tag.lastIndexOf(' ') + 1));
}

/**
 * Why a ceiling on rows cannot be kept for a message; undefined where it can. Kept means: what the command
 * tags count stays within it, or the whole is rolled back. Triggers, rules and cascades change rows that no
 * tag counts: reviewers are told of those beforehand (`signals.rowCeiling`).
 */
export function rowLimitProblem(statements: readonly StatementAnalysis[]): string | undefined {
  let counted = false;
  for (const statement of statements) {
    const { kind, category, transaction } = statement;
    if (transaction !== undefined)
      return `${kind} ends or moves the transaction it would be rolled back with`;
    if (COUNTED.has(kind)) counted = true;
    else if (category !== 'read' && category !== 'session')
      return `the rows that ${kind} changes are not counted`;
    else if (statement.kinds.some((contained) => COUNTED.has(contained)))
      return `the rows that ${statement.kinds.join(' with ')} changes are not counted`;
  }
  return counted ? undefined : 'no statement in it counts the rows it changes';
}
