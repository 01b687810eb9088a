import type { MessageAnalysis, StatementAnalysis } from './analysis.js';
import { analyzeText } from './analyze-text.js';
import { loadGrammar, type Grammar } from './grammar.js';

let grammar: Grammar;
beforeAll(async () => {
  grammar = await loadGrammar();
});

function message(text: string): MessageAnalysis {
  const { result } = analyzeText(grammar, text, 1_000);
  if (!result.ok) throw new Error(`${text}: ${result.message}`);
  return result.analysis;
}

function only(text: string): StatementAnalysis {
  const { statements } = message(text);
  expect(statements).toHaveLength(1);
  return statements[0] as StatementAnalysis;
}

describe('the kind of a statement is the name of its command', () => {
  it.each([
    ['SELECT 1', 'SELECT', 'read'],
    ['TABLE t', 'SELECT', 'read'],
    ['VALUES (1)', 'VALUES', 'read'],
    ['SELECT 1 INTO t', 'SELECT INTO', 'ddl'],
    ['SELECT 1 INTO t UNION SELECT 2', 'SELECT INTO', 'ddl'],
    ['INSERT INTO t VALUES (1)', 'INSERT', 'write'],
    ['UPDATE t SET a = 1', 'UPDATE', 'write'],
    ['DELETE FROM t', 'DELETE', 'write'],
    ['MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE', 'MERGE', 'write'],
    ['TRUNCATE t', 'TRUNCATE', 'write'],
    ['COPY t FROM STDIN', 'COPY', 'write'],
    ['COPY t TO STDOUT', 'COPY', 'read'],
    ['BEGIN', 'BEGIN', 'transaction'],
    ['START TRANSACTION READ ONLY', 'START TRANSACTION', 'transaction'],
    ['END', 'COMMIT', 'transaction'],
    ['ABORT', 'ROLLBACK', 'transaction'],
    ['ROLLBACK TO a', 'ROLLBACK TO SAVEPOINT', 'transaction'],
    ['RELEASE a', 'RELEASE SAVEPOINT', 'transaction'],
    ["PREPARE TRANSACTION 'x'", 'PREPARE TRANSACTION', 'transaction'],
    ['SET CONSTRAINTS ALL DEFERRED', 'SET CONSTRAINTS', 'transaction'],
    ['SET a.b = 1', 'SET', 'session'],
    ['RESET ALL', 'RESET', 'session'],
    ['SET ROLE x', 'SET ROLE', 'session'],
    ['RESET ROLE', 'SET ROLE', 'session'],
    ['SET "Role" TO x', 'SET ROLE', 'session'],
    ['SET SESSION AUTHORIZATION x', 'SET SESSION AUTHORIZATION', 'session'],
    ['SET TRANSACTION READ ONLY', 'SET TRANSACTION', 'session'],
    ['SHOW a', 'SHOW', 'session'],
    ['DISCARD ALL', 'DISCARD', 'session'],
    ['LISTEN a', 'LISTEN', 'session'],
    ['NOTIFY a', 'NOTIFY', 'session'],
    ['UNLISTEN *', 'UNLISTEN', 'session'],
    ['PREPARE p AS SELECT 1', 'PREPARE', 'read'],
    ['PREPARE p AS DELETE FROM t', 'PREPARE', 'write'],
    ['EXECUTE p', 'EXECUTE', 'code'],
    ['DEALLOCATE p', 'DEALLOCATE', 'session'],
    ['DECLARE c CURSOR FOR SELECT 1', 'DECLARE', 'read'],
    ['FETCH c', 'FETCH', 'code'],
    ['MOVE c', 'MOVE', 'code'],
    ['CLOSE c', 'CLOSE', 'session'],
    ['EXPLAIN DELETE FROM t', 'EXPLAIN', 'read'],
    ['EXPLAIN ANALYZE DELETE FROM t', 'EXPLAIN', 'write'],
    ['LOCK t', 'LOCK', 'utility'],
    ['VACUUM t', 'VACUUM', 'utility'],
    ['ANALYZE t', 'ANALYZE', 'utility'],
    ['CLUSTER t', 'CLUSTER', 'utility'],
    ['REINDEX TABLE t', 'REINDEX', 'utility'],
    ['CHECKPOINT', 'CHECKPOINT', 'utility'],
    ["ALTER SYSTEM SET a = 'b'", 'ALTER SYSTEM', 'utility'],
    ["DO 'x'", 'DO', 'code'],
    ['CALL f()', 'CALL', 'code'],
    ["LOAD 'x'", 'LOAD', 'code'],
    ['GRANT SELECT ON t TO x', 'GRANT', 'dcl'],
    ['REVOKE a FROM b', 'REVOKE', 'dcl'],
    ['ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x', 'ALTER DEFAULT PRIVILEGES', 'dcl'],
    ['CREATE USER x', 'CREATE ROLE', 'dcl'],
    ['ALTER GROUP a ADD USER b', 'ALTER ROLE', 'dcl'],
    ['ALTER ROLE a SET b = 1', 'ALTER ROLE', 'dcl'],
    ['DROP OWNED BY x', 'DROP OWNED', 'dcl'],
    ['CREATE TABLE t (a int)', 'CREATE TABLE', 'ddl'],
    ['CREATE TABLE t AS SELECT 1', 'CREATE TABLE AS', 'ddl'],
    ['CREATE MATERIALIZED VIEW v AS SELECT 1', 'CREATE MATERIALIZED VIEW', 'ddl'],
    ['REFRESH MATERIALIZED VIEW v', 'REFRESH MATERIALIZED VIEW', 'ddl'],
    ['CREATE VIEW v AS SELECT 1', 'CREATE VIEW', 'ddl'],
    ['CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)', 'CREATE INDEX', 'ddl'],
    ['CREATE TYPE a AS (b int)', 'CREATE TYPE', 'ddl'],
    ["CREATE TYPE a AS ENUM ('b')", 'CREATE TYPE', 'ddl'],
    ['CREATE AGGREGATE a (int) (sfunc = f, stype = int)', 'CREATE AGGREGATE', 'ddl'],
    ['CREATE TEXT SEARCH CONFIGURATION a (parser = b)', 'CREATE TEXT SEARCH CONFIGURATION', 'ddl'],
    ["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'", 'CREATE FUNCTION', 'ddl'],
    ["CREATE PROCEDURE f() LANGUAGE sql AS 'select 1'", 'CREATE PROCEDURE', 'ddl'],
    ['ALTER TABLE t ADD COLUMN a int', 'ALTER TABLE', 'ddl'],
    ['ALTER TABLE t RENAME COLUMN a TO b', 'ALTER TABLE', 'ddl'],
    ['ALTER TABLE t RENAME CONSTRAINT a TO b', 'ALTER TABLE', 'ddl'],
    ['ALTER VIEW v RENAME TO w', 'ALTER VIEW', 'ddl'],
    ['ALTER INDEX i SET TABLESPACE x', 'ALTER INDEX', 'ddl'],
    ['ALTER TYPE a RENAME ATTRIBUTE b TO c', 'ALTER TYPE', 'ddl'],
    ["ALTER TYPE a ADD VALUE 'x'", 'ALTER TYPE', 'ddl'],
    ['ALTER FUNCTION f() OWNER TO x', 'ALTER FUNCTION', 'ddl'],
    ['ALTER TRIGGER a ON t RENAME TO b', 'ALTER TRIGGER', 'ddl'],
    ['ALTER SCHEMA a OWNER TO b', 'ALTER SCHEMA', 'ddl'],
    ['DROP TABLE t', 'DROP TABLE', 'ddl'],
    ['DROP FOREIGN TABLE t', 'DROP FOREIGN TABLE', 'ddl'],
    ['DROP DATABASE d', 'DROP DATABASE', 'ddl'],
    ['DROP TRIGGER a ON t', 'DROP TRIGGER', 'ddl'],
    ["COMMENT ON TABLE t IS 'x'", 'COMMENT', 'ddl'],
  ])('%s is %s (%s)', (text, kind, category) => {
    const statement = only(text);
    expect(statement.kind).toBe(kind);
    expect(statement.kinds[0]).toBe(kind);
    expect(statement.category).toBe(category);
  });
});

describe('what a statement contains is among its kinds', () => {
  it.each([
    ['WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d', ['SELECT', 'DELETE']],
    ['WITH d AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM d', ['INSERT', 'DELETE']],
    ['EXPLAIN (COSTS off, ANALYZE) UPDATE t SET a = 1', ['EXPLAIN', 'UPDATE']],
    ["EXPLAIN (ANALYZE 'maybe') DELETE FROM t", ['EXPLAIN', 'DELETE']],
    ['EXPLAIN (ANALYZE off) DELETE FROM t', ['EXPLAIN']],
    ['PREPARE p AS DELETE FROM t', ['PREPARE', 'DELETE']],
    ['DECLARE c CURSOR FOR SELECT 1', ['DECLARE', 'SELECT']],
    ['CREATE TABLE t AS EXECUTE p', ['CREATE TABLE AS', 'EXECUTE']],
    ['COPY (DELETE FROM t RETURNING *) TO STDOUT', ['COPY', 'DELETE']],
    [
      'CREATE SCHEMA s CREATE VIEW v AS SELECT 1 GRANT SELECT ON v TO x',
      ['CREATE SCHEMA', 'CREATE VIEW', 'GRANT'],
    ],
    ["SELECT set_config('role', 'x', false)", ['SELECT', 'SET ROLE']],
    ["SELECT pg_catalog.set_config('work_mem', '1MB', true)", ['SELECT', 'SET']],
  ])('%s', (text, kinds) => {
    expect(only(text).kinds).toEqual(kinds);
  });
});

describe('relations are told apart by what happens to them', () => {
  it.each([
    ['SELECT * FROM a JOIN s.b USING (x), LATERAL (SELECT * FROM c) l', ['a', 's.b', 'c'], []],
    ['WITH c AS (SELECT * FROM t) SELECT * FROM c', ['t'], []],
    ['WITH t AS (SELECT * FROM t) SELECT * FROM t', ['t'], []],
    ['WITH RECURSIVE r AS (SELECT 1 UNION SELECT * FROM r) SELECT * FROM r', [], []],
    ['WITH t AS (SELECT 1) SELECT * FROM s.t', ['s.t'], []],
    ['SELECT (SELECT max(x) FROM b) FROM a WHERE EXISTS (SELECT FROM c)', ['b', 'a', 'c'], []],
    ['SELECT * FROM "Odd.Name"', ['"Odd.Name"'], []],
    ['INSERT INTO a SELECT * FROM b', ['b'], ['a']],
    ['UPDATE a SET x = b.x FROM b WHERE a.id = b.id', ['a', 'b'], ['a']],
    ['WITH d AS (DELETE FROM a RETURNING *) SELECT * FROM d', ['a'], ['a']],
    ['SELECT * INTO n FROM a', ['a'], ['n']],
    ['CREATE TABLE n AS SELECT * FROM a', ['a'], ['n']],
    ['CREATE TABLE n (x int REFERENCES a)', ['a'], ['n']],
    ['ALTER TABLE a ADD COLUMN x int', [], ['a']],
    ['DROP TABLE a, s.b', [], ['a', 's.b']],
    ['TRUNCATE a, b', [], ['a', 'b']],
    ['COPY a FROM STDIN', [], ['a']],
    ['COPY a TO STDOUT', ['a'], []],
    ['EXPLAIN DELETE FROM a', ['a'], []],
    ['EXPLAIN ANALYZE DELETE FROM a', ['a'], ['a']],
    ['LOCK a', ['a'], []],
  ])('%s', (text, reads, writes) => {
    const statement = only(text);
    expect(statement.reads).toEqual(reads);
    expect(statement.writes).toEqual(writes);
  });
});

describe('what is not seen is said to be incomplete', () => {
  it.each([
    "DO 'x'",
    'CALL f()',
    "SELECT query_to_xml('select 1', true, true, '')",
    "SELECT * FROM dblink('c', 'select 1') AS t(a int)",
    "SELECT word FROM ts_stat('select x from y')",
  ])('%s', (text) => {
    expect(only(text).incomplete).toBeDefined();
  });

  it.each([
    ['SET search_path = evil; SELECT * FROM t', [false, true]],
    ['RESET ALL; SELECT * FROM t', [false, true]],
    ['SET ROLE x; DELETE FROM t WHERE id = 1', [false, true]],
    ["SELECT set_config('search_path', 'evil', false); SELECT * FROM t", [false, true]],
    ['CREATE TEMP TABLE t (a int); SELECT * FROM t; COMMIT', [false, true, false]],
    ['PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE p', [false, true, false]],
    ['PREPARE p AS SELECT 1; SELECT 2', [false, false]],
    ['DECLARE c CURSOR FOR SELECT 1; FETCH c; CLOSE c', [false, true, false]],
    ['FETCH c; FETCH c', [false, false]],
    ['SET statement_timeout = 0; SELECT * FROM t', [false, false]],
    ['SET standard_conforming_strings = on; SELECT * FROM t', [false, false]],
    ['SET LOCAL TimeZone = UTC; SELECT now()', [false, true]],
    ['BEGIN; SELECT 1; COMMIT', [false, false, false]],
  ])('%s', (text, incomplete) => {
    expect(message(text).statements.map((statement) => statement.incomplete !== undefined)).toEqual(
      incomplete,
    );
  });
});

describe('traits tell what kind and tables do not', () => {
  it.each([
    ["SELECT pg_read_file('x')", 'server-file'],
    ["SELECT ('x'::text).pg_read_file", 'server-file'],
    ["SELECT t.pg_ls_dir FROM unnest(ARRAY['x']) t", 'server-file'],
    ['SELECT * FROM pg_catalog.pg_ls_logdir()', 'server-file'],
    ['SELECT lo_get(1)', 'large-object'],
    ["SELECT get_raw_page('t', 0)", 'page-inspection'],
    ["SELECT * FROM pg_logical_slot_get_changes('s', NULL, NULL)", 'wal-inspection'],
    ['SELECT pg_cancel_backend(1)', 'backend-signal'],
    ['SELECT pg_reload_conf()', 'server-control'],
    ["SELECT pg_notify('c', 'x')", 'notify'],
    ["SELECT set_config('work_mem', x, false) FROM t", 'computed-setting'],
    ["SELECT set_config(setting_name => 'role', new_value => 'x', is_local => false)", 'computed-setting'],
    ["COPY t TO PROGRAM 'x'", 'copy-program'],
    ["COPY t FROM '/x'", 'copy-file'],
    ['SELECT * FROM t FOR UPDATE', 'row-lock'],
    ['CREATE ROLE x SUPERUSER', 'role-attribute'],
    ['VACUUM (FULL) t', 'table-rewrite'],
    ["SELECT cron.schedule('* * * * *', 'delete from t')", 'dynamic-sql'],
    ["EXPLAIN SELECT pg_read_file('x')", 'server-file'],
    ["ALTER TABLE t ALTER a TYPE text USING pg_read_file('x')", 'server-file'],
  ])('%s has %s', (text, trait) => {
    expect(only(text).traits).toContain(trait);
  });

  it('a column that is merely called like a setting or a table has none', () => {
    expect(only("SELECT id, schedule(x), email FROM users u WHERE u.note = 'pg_read_file'").traits).toEqual(
      [],
    );
  });
});

describe('references and transactions', () => {
  it.each([
    ['PREPARE p AS SELECT 1', { action: 'prepare', name: 'p' }],
    ['EXECUTE "P"', { action: 'execute', name: 'P' }],
    ['EXPLAIN ANALYZE EXECUTE p', { action: 'execute', name: 'p' }],
    ['CREATE TABLE t AS EXECUTE p', { action: 'execute', name: 'p' }],
    ['DEALLOCATE ALL', { action: 'deallocate', name: null }],
    ['DECLARE c CURSOR FOR SELECT 1', { action: 'declare', name: 'c' }],
    ['FETCH ALL FROM c', { action: 'fetch', name: 'c' }],
    ['CLOSE ALL', { action: 'close', name: null }],
  ])('%s', (text, reference) => {
    expect(only(text).refersTo).toEqual(reference);
  });

  it.each([
    ['BEGIN', 'begin'],
    ['COMMIT AND CHAIN', 'commit'],
    ['ROLLBACK TO a', 'rollback-to'],
    ["PREPARE TRANSACTION 'x'", 'prepare'],
    ['SELECT 1', undefined],
  ])('%s moves the transaction: %s', (text, transaction) => {
    expect(only(text).transaction).toBe(transaction);
  });
});

describe('positions', () => {
  it('statements stand where their UTF-8 bytes stand', () => {
    const text = "SELECT 'é'; /* ü */ DELETE FROM t ; ";
    const bytes = Buffer.from(text);
    const texts = message(text).statements.map(({ start, end }) => bytes.toString('utf8', start, end).trim());
    expect(texts).toEqual(["SELECT 'é'", 'DELETE FROM t']);
  });

  it('a syntax error counts characters from 1, also beyond the basic plane', () => {
    const positionOf = (text: string): unknown => {
      const { result } = analyzeText(grammar, text, 1_000);
      return result.ok ? undefined : result.position;
    };
    expect(positionOf("SELECT '𝒳é', , 1")).toBe(14);
    expect(positionOf('SELECT , 1')).toBe(8);
    expect(positionOf('ééé 1')).toBe(1);
  });

  it('an empty text and a comment have no statement', () => {
    expect(message('').statements).toEqual([]);
    expect(message(' -- nothing\n;').statements).toEqual([]);
  });
});
