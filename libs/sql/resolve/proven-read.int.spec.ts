import pg from 'pg';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import type { SqlAnalyzer } from '../analysis.js';
import { contextOf } from '../catalog/context-of.js';
import { loadCatalog, type CatalogSnapshot } from '../catalog/load-catalog.js';
import { createSqlAnalyzer } from '../sql-analyzer.js';

const SCHEMA = `
  CREATE EXTENSION hstore; CREATE SEQUENCE s;
  CREATE TABLE people (id int PRIMARY KEY, name text, email text, born date);
  CREATE TABLE orders (id int, person int, total numeric);
  CREATE VIEW names AS SELECT name FROM people;
  CREATE VIEW numbers AS SELECT nextval('s') AS n;
  CREATE TABLE guarded (v text); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
  CREATE FUNCTION look(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
  CREATE TABLE indexed (v text); CREATE INDEX ON indexed (look(v));
  CREATE TABLE parts (at int) PARTITION BY RANGE (at);
  CREATE EXTENSION postgres_fdw; CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
  CREATE FOREIGN TABLE parts_far PARTITION OF parts FOR VALUES FROM (0) TO (9) SERVER elsewhere;
  CREATE DOMAIN counted AS int CHECK (nextval('s') > 0);
  CREATE FUNCTION count(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''s'')';
  CREATE OPERATOR ## (LEFTARG = regclass, RIGHTARG = bigint, FUNCTION = setval);
`;

describe('what is proven to read and do nothing else', () => {
  let postgres: TemporaryPostgres;
  let client: pg.Client;
  let analyzer: SqlAnalyzer;
  let catalog: CatalogSnapshot;

  const load = (): Promise<CatalogSnapshot> =>
    loadCatalog(async (text) => (await client.query<string[]>({ text, rowMode: 'array' })).rows);

  beforeAll(async () => {
    postgres = await temporaryPostgres();
    client = new pg.Client(postgres.adminUrl());
    await client.connect();
    await client.query(SCHEMA);
    await client.query('SET search_path = pg_catalog');
    catalog = await load();
    analyzer = createSqlAnalyzer();
  });
  afterAll(async () => {
    await analyzer?.close();
    await client?.end();
    await postgres?.dispose();
  });

  const proven = async (text: string, path?: string): Promise<boolean> => {
    const result = await analyzer.resolve(text, contextOf(catalog, path));
    if (!result.ok) throw new Error(result.message);
    return result.analysis.statements.every(({ resolution }) => resolution?.provenRead === true);
  };

  it.each([
    'SELECT 1',
    'SELECT id, name FROM people WHERE id = $1',
    "SELECT name FROM people WHERE name LIKE 'a%' AND born IS NOT NULL ORDER BY id DESC LIMIT 10",
    'SELECT p.name, sum(o.total) FROM people p JOIN orders o ON o.person = p.id GROUP BY p.name HAVING sum(o.total) > 3',
    'WITH few AS (SELECT id FROM people) SELECT * FROM few UNION ALL SELECT person FROM orders',
    'SELECT id FROM people WHERE id IN (SELECT person FROM orders) OR id BETWEEN 3 AND 4',
    'SELECT upper(name), id::bigint, row_number() OVER (PARTITION BY name ORDER BY id) FROM people',
    'VALUES (1), (2)',
    'SELECT CASE WHEN id > 3 THEN 1 ELSE coalesce(id, 2) END FROM people',
  ])('%s', async (text) => {
    expect(await proven(text)).toBe(true);
  });

  it.each([
    ['a write', 'UPDATE people SET name = $1 WHERE id = 1'],
    ['a writing CTE', 'WITH gone AS (DELETE FROM people RETURNING id) SELECT * FROM gone'],
    ['row locks', 'SELECT id FROM people FOR UPDATE'],
    ['row locks inside', 'SELECT * FROM (SELECT id FROM people FOR SHARE) x'],
    ['a new table', 'SELECT id INTO copied FROM people'],
    ['a sequence', "SELECT nextval('s')"],
    ['an advisory lock', 'SELECT pg_advisory_lock(1)'],
    ['a setting', "SELECT set_config('work_mem', '1MB', false)"],
    ['a signal', 'SELECT pg_terminate_backend(1)'],
    ['a function of the users', 'SELECT look(name) FROM people'],
    ['a name that users have too', 'SELECT count(id, id) FROM people'],
    ['attribute notation of one', 'SELECT people.look FROM people'],
    ['a view', 'SELECT name FROM names'],
    ['a view with a sequence behind it', 'SELECT n FROM numbers'],
    ['a view of the system', 'SELECT * FROM pg_stat_activity'],
    ['row-level security', 'SELECT v FROM guarded'],
    ['an index with code', 'SELECT v FROM indexed'],
    ['a foreign partition', 'SELECT at FROM parts'],
    ['a foreign table', 'SELECT at FROM parts_far'],
    ['a domain', 'SELECT 1::counted'],
    ['a type that is looked up by name', "SELECT '1'::text"],
    ['an operator of the users', "SELECT 's'::pg_catalog.regclass ## 5"],
    ['a name that is not there', 'SELECT * FROM nothing'],
    ['EXPLAIN', 'EXPLAIN SELECT 1'],
    ['a cursor', 'DECLARE c CURSOR FOR SELECT 1'],
    ['a prepared name', 'EXECUTE e'],
    ['a setting by SHOW', 'SHOW work_mem'],
    ['a transaction', 'BEGIN'],
    ['one in a message that is', 'SELECT 1; DELETE FROM people'],
    ['a sampling method', 'SELECT id FROM people TABLESAMPLE system (10)'],
  ])('not %s: %s', async (_, text) => {
    expect(await proven(text)).toBe(false);
  });

  it('is nothing without a catalog, or in a doubtful context', async () => {
    for (const context of [contextOf(undefined), { ...contextOf(catalog), doubt: 'another role' }]) {
      const result = await analyzer.resolve('SELECT id FROM people', context);
      expect(result.ok && result.analysis.statements[0]?.resolution?.provenRead).not.toBe(true);
    }
  });

  it('is nothing once an operator or cast of the users stands behind an ordinary one', async () => {
    await client.query(
      'CREATE OPERATOR public.= (LEFTARG = regclass, RIGHTARG = bigint, FUNCTION = pg_catalog.setval)',
    );
    catalog = await load();
    expect(await proven('SELECT id FROM people')).toBe(false);
    await client.query('DROP OPERATOR public.= (regclass, bigint)');
    catalog = await load();
    expect(await proven('SELECT id FROM people')).toBe(true);
    await client.query(
      "CREATE FUNCTION public.wrapped(date) RETURNS numeric LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
    );
    await client.query('CREATE CAST (date AS numeric) WITH FUNCTION public.wrapped(date) AS IMPLICIT');
    catalog = await load();
    expect(await proven('SELECT id FROM people')).toBe(false);
  });
});
