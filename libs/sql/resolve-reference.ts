import type { StatementCategory } from '#libs/contracts/events/statement-events.js';
import type { StatementAnalysis } from './analysis.js';
import { gravest } from './statement-kind.js';

const MAKERS: ReadonlySet<string> = new Set(['PREPARE', 'DECLARE']);

/**
 * What EXECUTE, FETCH, MOVE, EXPLAIN EXECUTE or CREATE TABLE AS EXECUTE comes to, given the analysis of
 * the statement or cursor that its name stands for in the session; undefined where nobody saw that one
 * made: then it is incomplete. A statement that runs nothing by name comes back unchanged.
 */
export function resolveReference(
  statement: StatementAnalysis,
  standsFor: StatementAnalysis | undefined,
): StatementAnalysis {
  const action = statement.refersTo?.action;
  if (action !== 'execute' && action !== 'fetch') return statement;
  if (standsFor === undefined) {
    return { ...statement, incomplete: statement.incomplete ?? 'what it runs was never seen' };
  }
  const both = <T>(pick: (one: StatementAnalysis) => readonly T[]): readonly T[] => [
    ...new Set([...pick(statement), ...pick(standsFor)]),
  ];
  // On its own it counts as `code`, which stands for "unseen"; what was seen has a category of its own.
  const own: StatementCategory = statement.kind === 'CREATE TABLE AS' ? 'ddl' : 'read';
  const incomplete = statement.incomplete ?? standsFor.incomplete;
  const resolution = standsFor.resolution ?? statement.resolution;
  return {
    ...statement,
    kinds: both((one) => (one === statement ? one.kinds : one.kinds.filter((kind) => !MAKERS.has(kind)))),
    category: gravest(own, standsFor.category),
    reads: both((one) => one.reads),
    writes: both((one) => one.writes),
    functions: both((one) => one.functions),
    settings: both((one) => one.settings),
    traits: both((one) => one.traits),
    bounded: statement.bounded && standsFor.bounded,
    changesContext: own === 'ddl' || standsFor.changesContext,
    ...(resolution === undefined ? {} : { resolution }),
    ...(incomplete === undefined ? {} : { incomplete }),
  };
}
