import type { StatementAnalysis } from '../analysis.js';

const YES =
  /^(SELECT|VALUES|INSERT|COPY|GRANT|REVOKE|COMMENT|SET\b.*|RESET|SHOW|EXPLAIN|ANALYZE|LOCK|BEGIN|START TRANSACTION|ROLLBACK.*|SAVEPOINT|PREPARE|DECLARE|FETCH|MOVE|CLOSE|DEALLOCATE|CREATE .*|REINDEX|REFRESH MATERIALIZED VIEW|VACUUM|CLUSTER|CHECKPOINT|SELECT INTO)$/;
const NO = /^(UPDATE|DELETE|MERGE|TRUNCATE|DROP .*|DROP OWNED)$/;

/**
 * Whether another statement can bring back what this one changes: rows that are overwritten or deleted and
 * objects that are dropped cannot be, what is added can be taken away. Unknown for the rest, and for what
 * the analysis does not see whole. A rollback is not counted: once committed it is no help.
 */
export function reversible(statements: readonly StatementAnalysis[]): 'yes' | 'no' | 'unknown' {
  const kinds = statements.flatMap((statement) => statement.kinds);
  if (kinds.some((kind) => NO.test(kind))) return 'no';
  if (statements.some(({ traits }) => traits.includes('cascade'))) return 'no';
  if (statements.some(({ incomplete }) => incomplete !== undefined)) return 'unknown';
  return kinds.every((kind) => YES.test(kind)) ? 'yes' : 'unknown';
}
