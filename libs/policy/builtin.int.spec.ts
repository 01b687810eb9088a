import type { Effect } from '#libs/contracts/events/statement-events.js';
import type { SqlAnalyzer } from '#libs/sql/analysis.js';
import { createSqlAnalyzer } from '#libs/sql/sql-analyzer.js';
import { loadBuiltinPolicy } from './load-policy.js';
import type { Verdict } from './policy.js';

const builtin = loadBuiltinPolicy();
let analyzer: SqlAnalyzer;
beforeAll(() => {
  analyzer = createSqlAnalyzer();
});
afterAll(() => analyzer.close());

async function judge(text: string, environment = 'production'): Promise<Verdict> {
  const result = await analyzer.analyze(text);
  if (!result.ok) throw new Error(`${text}: ${result.message}`);
  return builtin.judge({
    analysis: result.analysis,
    identity: { name: 'alice', kind: 'human', groups: ['engineering'], issuer: 'i', subject: 's' },
    target: { name: 'shop', kind: 'postgres', environment, database: 'shop' },
    session: { applicationName: '', clientAddress: '192.0.2.1', insideTransaction: false },
    now: 0,
  });
}

const DENIED: readonly (readonly [rule: string, text: string])[] = [
  ['no-drop-table', 'DROP TABLE customers'],
  ['no-drop-table', 'BEGIN; DROP TABLE IF EXISTS a, b CASCADE; ROLLBACK'],
  ['no-drop-table', 'DROP OWNED BY app'],
  ['no-drop-schema', 'DROP SCHEMA public CASCADE'],
  ['no-drop-database', 'DROP DATABASE shop'],
  ['no-truncate', 'TRUNCATE orders'],
  ['no-do-block', 'DO $$ BEGIN PERFORM 1; END $$'],
  ['no-server-code', "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
  ['no-server-code', 'ALTER PROCEDURE p() OWNER TO x'],
  ['no-server-code', 'CREATE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f()'],
  ['no-server-code', 'CREATE RULE r AS ON INSERT TO a DO ALSO DELETE FROM b'],
  ['no-server-code', 'CREATE OR REPLACE VIEW v AS SELECT * FROM a'],
  ['no-server-code', 'ALTER VIEW v RENAME TO w'],
  ['no-server-code', 'CREATE MATERIALIZED VIEW v AS SELECT * FROM a'],
  ['no-server-code', 'CREATE OPERATOR === (procedure = f, leftarg = int, rightarg = int)'],
  ['no-server-code', 'CREATE CAST (int AS text) WITH INOUT'],
  ['no-server-code', 'CREATE EXTENSION dblink'],
  ['no-server-code', 'CREATE SERVER s FOREIGN DATA WRAPPER f'],
  ['no-server-code', 'CREATE FOREIGN TABLE t (a int) SERVER s'],
  ['no-server-code', 'ALTER PUBLICATION p ADD TABLE a'],
  ['no-server-code', 'CREATE SCHEMA s CREATE VIEW v AS SELECT 1'],
  ['no-notify', 'LISTEN c'],
  ['no-notify', "SELECT pg_notify('c', email) FROM customers"],
  ['no-computed-setting', "SELECT set_config('work_mem', (SELECT email FROM customers LIMIT 1), false)"],
  ['no-dynamic-sql', "SELECT query_to_xml('SELECT * FROM customers', true, true, '')"],
  ['no-dynamic-sql', "SELECT * FROM crosstab('SELECT 1') AS t(a int)"],
  ['no-large-object', "SELECT lo_import('/etc/hostname')"],
  ['no-server-file', "SELECT pg_read_file('PG_VERSION')"],
  ['no-server-file', "EXPLAIN SELECT ('PG_VERSION'::text).pg_read_file"],
  ['no-raw-page', "SELECT * FROM heap_page_items(get_raw_page('customers', 0))"],
  ['no-raw-page', "SELECT pg_create_logical_replication_slot('s', 'pgoutput')"],
  ['no-copy-program', "COPY customers TO PROGRAM 'cat'"],
  ['no-copy-program', "COPY customers FROM '/tmp/x'"],
  ['no-set-role', 'SET ROLE admin'],
  ['no-set-role', 'SET LOCAL SESSION AUTHORIZATION admin'],
  ['no-set-role', 'RESET ROLE'],
  ['no-set-role', "SELECT set_config('role', 'admin', true)"],
  ['no-session-setting', 'SET search_path = evil'],
  ['no-session-setting', "SET SCHEMA 'evil'"],
  ['no-session-setting', "SELECT pg_catalog.set_config('Search_Path', 'evil', false)"],
  ['no-session-setting', "SET NAMES 'SJIS'"],
  ['no-session-setting', 'SET standard_conforming_strings TO off'],
  ['no-session-setting', 'SET LOCAL row_security = off'],
  ['no-session-setting', 'SET session_replication_role = replica'],
  [
    'no-session-setting',
    'UPDATE a SET x = 1 WHERE id = 1 AND set_config($$row_security$$, $$off$$, true) IS NULL',
  ],
  ['no-two-phase', "PREPARE TRANSACTION 'x'"],
  ['no-backend-signal', 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity'],
  ['no-alter-system', "ALTER SYSTEM SET log_statement = 'all'"],
  ['no-role-attribute', 'ALTER ROLE app SUPERUSER'],
];

const REVIEWED: readonly (readonly [rule: string, text: string])[] = [
  ['unbounded-write', 'DELETE FROM orders'],
  ['unbounded-write', 'UPDATE orders SET a = 1 WHERE 1 = 1'],
  ['unbounded-write', 'WITH d AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM d'],
  ['unbounded-write', 'EXPLAIN ANALYZE DELETE FROM orders'],
  ['unbounded-write', 'SELECT * FROM orders FOR UPDATE'],
  ['schema-change', 'ALTER TABLE customers ADD COLUMN tier text'],
  ['schema-change', 'CREATE INDEX CONCURRENTLY ON orders (a)'],
  ['schema-change', 'CREATE TEMP TABLE x AS SELECT * FROM customers'],
  ['schema-change', 'SELECT * INTO x FROM customers'],
  ['schema-change', 'DROP INDEX i'],
  ['schema-change', 'DROP VIEW v'],
  ['grant-revoke', 'GRANT SELECT ON customers TO x'],
  ['grant-revoke', 'REVOKE ALL ON customers FROM x'],
  ['grant-revoke', "ALTER ROLE x PASSWORD 'y'"],
  ['unseen-code', 'CALL p()'],
  ['unseen-code', 'EXECUTE p'],
  ['unseen-code', 'FETCH c'],
  ['incomplete', "SET TimeZone = 'UTC'; SELECT * FROM customers"],
  ['maintenance', 'LOCK customers'],
  ['maintenance', 'VACUUM FULL customers'],
  ['server-control', 'SELECT pg_reload_conf()'],
  ['other-setting', "SET app.tenant = 'x'"],
];

const ALLOWED: readonly string[] = [
  '',
  '-- nothing',
  'SELECT * FROM customers',
  'TABLE customers',
  'VALUES (1)',
  'SELECT my_function(id) FROM customers',
  'EXPLAIN DELETE FROM orders',
  'EXPLAIN ANALYZE SELECT 1',
  'DECLARE c CURSOR FOR SELECT 1',
  'CLOSE c',
  'PREPARE p AS SELECT 1',
  'DEALLOCATE ALL',
  'COPY customers TO STDOUT',
  'COPY customers FROM STDIN',
  'INSERT INTO orders VALUES (1)',
  "UPDATE customers SET phone = 'x' WHERE id = 5",
  'DELETE FROM orders WHERE id IN (1, 2)',
  "SELECT * FROM jobs WHERE state = 'new' LIMIT 1 FOR UPDATE SKIP LOCKED",
  'BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT',
  'SAVEPOINT a; ROLLBACK TO a; RELEASE a',
  'SET TRANSACTION READ ONLY',
  'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED',
  "SET statement_timeout = '5s'",
  "SET TimeZone = 'UTC'",
  "SET countersign.wait = 'retry'",
  'SET DateStyle = ISO',
  'SET standard_conforming_strings = on',
  "SET client_encoding TO 'UTF8'",
  "SET extra_float_digits = 3; SET application_name = 'x'",
  'SHOW search_path',
  'RESET ALL',
  'DISCARD ALL',
  'ANALYZE customers',
  // What pools and drivers send on their own.
  'SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;',
  "SELECT set_config('bytea_output', 'hex', false) FROM pg_show_all_settings() WHERE name = 'bytea_output'",
  "SELECT t.oid, typarray FROM pg_type t JOIN pg_namespace ns ON typnamespace = ns.oid WHERE typname = 'hstore'",
  'SELECT current_schema(), version(), pg_backend_pid(), txid_current()',
  // What psql's \d, \dt+ and \l send.
  `SELECT n.nspname AS "Schema", c.relname AS "Name", pg_catalog.pg_get_userbyid(c.relowner) AS "Owner",
     pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid)), pg_catalog.obj_description(c.oid, 'pg_class')
   FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r','p','') AND n.nspname !~ '^pg_toast' AND pg_catalog.pg_table_is_visible(c.oid)
     AND c.relname OPERATOR(pg_catalog.~) '^(customers)$' COLLATE pg_catalog.default ORDER BY 1, 2`,
  `SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
     (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) FROM pg_catalog.pg_attrdef d
      WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef), a.attnotnull
   FROM pg_catalog.pg_attribute a WHERE a.attrelid = '16386' AND a.attnum > 0 AND NOT a.attisdropped
   ORDER BY a.attnum`,
  `SELECT pg_catalog.pg_get_indexdef(i.indexrelid, 0, true),
     pg_catalog.pg_get_constraintdef(con.oid, true) FROM pg_catalog.pg_index i
   LEFT JOIN pg_catalog.pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid)
   WHERE i.indrelid = '16386'`,
  `SELECT d.datname, pg_catalog.pg_encoding_to_char(d.encoding), pg_catalog.array_to_string(d.datacl, E'\\n')
   FROM pg_catalog.pg_database d ORDER BY 1`,
];

describe('the built-in policy on production', () => {
  const table = (effect: Effect, cases: readonly (readonly [string, string])[]) =>
    cases.map(([rule, text]): [string, Effect, string] => [text, effect, rule]);

  it.each([...table('deny', DENIED), ...table('review', REVIEWED)])(
    '%s: %s by %s',
    async (text, effect, rule) => {
      expect(await judge(text)).toMatchObject({ effect, rule });
    },
  );

  it.each(ALLOWED.map((text) => [text]))('%s: allowed', async (text) => {
    expect(await judge(text)).toMatchObject({ effect: 'allow' });
  });

  it('asks one of the group dba', async () => {
    const verdict = await judge('ALTER TABLE customers ADD COLUMN tier text');
    expect(verdict.reviewers).toEqual([{ group: 'dba', count: 1 }]);
  });
});

describe('the built-in policy elsewhere', () => {
  it.each([...DENIED, ...REVIEWED].map(([, text]) => [text]))('%s: allowed', async (text) => {
    expect(await judge(text, 'staging')).toMatchObject({ effect: 'allow' });
  });
});
