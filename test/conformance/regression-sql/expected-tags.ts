import type { StatementAnalysis } from '#libs/sql/analysis.js';

/** Commands whose tag the server words differently than the documentation names them. */
const TAGS: Readonly<Record<string, readonly string[]>> = {
  VALUES: ['SELECT'],
  'SELECT INTO': ['SELECT', 'SELECT INTO'],
  'CREATE TABLE AS': ['SELECT', 'CREATE TABLE AS'],
  'CREATE MATERIALIZED VIEW': ['SELECT', 'CREATE MATERIALIZED VIEW'],
  'SET ROLE': ['SET', 'RESET'],
  'SET SESSION AUTHORIZATION': ['SET', 'RESET'],
  'SET TRANSACTION': ['SET'],
  // Of a transaction that has failed.
  COMMIT: ['COMMIT', 'ROLLBACK'],
  'PREPARE TRANSACTION': ['PREPARE TRANSACTION', 'ROLLBACK'],
  'ROLLBACK TO SAVEPOINT': ['ROLLBACK'],
  'RELEASE SAVEPOINT': ['RELEASE'],
  DECLARE: ['DECLARE CURSOR'],
  CLOSE: ['CLOSE CURSOR', 'CLOSE CURSOR ALL'],
  DEALLOCATE: ['DEALLOCATE', 'DEALLOCATE ALL'],
  DISCARD: ['DISCARD ALL', 'DISCARD PLANS', 'DISCARD SEQUENCES', 'DISCARD TEMP'],
  LOCK: ['LOCK TABLE'],
  TRUNCATE: ['TRUNCATE TABLE'],
  GRANT: ['GRANT', 'GRANT ROLE'],
  REVOKE: ['REVOKE', 'REVOKE ROLE'],
};

/** Whether a command tag, without its counts, is what a statement of this kind gives. */
export function tagAgrees({ kind, kinds }: StatementAnalysis, tag: string): boolean {
  // Its tag is that of what it runs.
  if (kind === 'EXECUTE') return true;
  // A rule of the table may put another command in its place.
  if (/^(INSERT|UPDATE|DELETE|MERGE)$/.test(kind)) return /^(INSERT|UPDATE|DELETE|MERGE|SELECT)$/.test(tag);
  return [kind, ...kinds].some((each) => (TAGS[each] ?? [each]).includes(tag));
}
