import pg from 'pg';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import type { SqlAnalyzer, StatementAnalysis } from '../analysis.js';
import type { CatalogRows } from '../catalog/catalog-rows.js';
import { contextOf } from '../catalog/context-of.js';
import { loadCatalog, type CatalogSnapshot } from '../catalog/load-catalog.js';
import { createSqlAnalyzer } from '../sql-analyzer.js';

const SCHEMA = `
  CREATE SCHEMA sales; CREATE SCHEMA tricks; CREATE EXTENSION hstore;
  CREATE TABLE people (id int PRIMARY KEY, name text, email text, ssn text, note text, active boolean);
  CREATE TABLE orders (id int PRIMARY KEY, person int REFERENCES people ON DELETE CASCADE, total numeric, memo text);
  CREATE TABLE lines (id int PRIMARY KEY, "order" int REFERENCES orders ON DELETE CASCADE ON UPDATE CASCADE, what text);
  CREATE TABLE audit (id int, person int REFERENCES people, what text);
  CREATE VIEW contacts AS SELECT id, email AS contact FROM people WHERE active;
  CREATE VIEW contact_ids AS SELECT id FROM contacts;
  CREATE MATERIALIZED VIEW kept AS SELECT contact FROM contacts;
  CREATE VIEW slot_files AS SELECT pg_ls_dir('.') AS f;
  CREATE TABLE sales.deals (id int, email text);
  CREATE TABLE family (id int, email text); CREATE TABLE family_child () INHERITS (family);
  CREATE TABLE events (at date, what text) PARTITION BY RANGE (at);
  CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE TABLE "Odd.Name" ("Col.1" text);
  CREATE TABLE computed (email text, masked text GENERATED ALWAYS AS (left(email, 2)) STORED);
  CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM people WHERE id = $1';
  CREATE VIEW mails AS SELECT id, mail_of(id) AS mail FROM orders;
  CREATE FUNCTION mail_atomic(n int) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT email FROM people WHERE id = n; END;
  CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
  CREATE FUNCTION wipe() RETURNS void LANGUAGE sql AS 'DELETE FROM orders';
  CREATE FUNCTION hidden() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$DECLARE r text; BEGIN EXECUTE 'SELECT 1' INTO r; RETURN r; END$$;
  CREATE FUNCTION everyone() RETURNS SETOF people LANGUAGE sql STABLE AS 'SELECT * FROM people';
  CREATE FUNCTION loop_a() RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE FUNCTION loop_b() RETURNS int LANGUAGE sql AS 'SELECT loop_a()';
  CREATE OR REPLACE FUNCTION loop_a() RETURNS int LANGUAGE sql AS 'SELECT loop_b()';
  CREATE FUNCTION zip(people) RETURNS text LANGUAGE sql AS 'SELECT $1.email';
  CREATE FUNCTION same(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM 1 FROM orders; RETURN true; END';
  CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = same);
  CREATE FUNCTION checks(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN EXECUTE $q$SELECT 1$q$; RETURN true; END';
  CREATE TABLE checked (v text CHECK (checks(v)));
  CREATE TABLE triggered (v text);
  CREATE FUNCTION secretly() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN EXECUTE 'DELETE FROM orders'; RETURN NEW; END$$;
  CREATE TRIGGER t BEFORE UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION secretly();
  CREATE TABLE ruled (v text); CREATE RULE r AS ON INSERT TO ruled DO ALSO INSERT INTO audit VALUES (1);
  CREATE TABLE guarded (v text); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
  CREATE POLICY p ON guarded USING (v IN (SELECT email FROM people));
  CREATE TABLE tricks.orders (id int, memo text);

  CREATE VIEW through AS SELECT id, name FROM people;
  CREATE VIEW above AS SELECT id, name FROM through;
  CREATE TRIGGER t INSTEAD OF INSERT ON through FOR EACH ROW EXECUTE FUNCTION secretly();
  CREATE DOMAIN odd AS text CHECK (checks(VALUE)); CREATE DOMAIN odder AS odd;
  CREATE TYPE pair AS (a int, b odder);
  CREATE TABLE of_domain (v odd); CREATE TABLE of_array (v odder[]); CREATE TABLE of_pair (v pair);
  CREATE TABLE by_operator (v text CHECK (v === 'x'));
  CREATE TYPE mark AS ENUM ('a'); CREATE TABLE of_enum (v mark);
  CREATE FUNCTION mark_of(int) RETURNS mark LANGUAGE plpgsql AS $$BEGIN EXECUTE ''; RETURN 'a'; END$$;
  CREATE TABLE conditional (v text); CREATE FUNCTION is_so(text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN EXECUTE ''; RETURN false; END$$;
  CREATE TRIGGER t BEFORE DELETE ON conditional FOR EACH ROW WHEN (is_so(old.v)) EXECUTE FUNCTION suppress_redundant_updates_trigger();
  CREATE FUNCTION part_of(text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN EXECUTE ''; RETURN 1; END$$;
  CREATE TABLE parts (v text) PARTITION BY LIST (part_of(v)); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
  CREATE FUNCTION reads_scratch() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM orders';
  CREATE FUNCTION reads_through() RETURNS bigint LANGUAGE sql AS 'SELECT reads_scratch()';
  CREATE FUNCTION reads_atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM orders; END;
`;

describe('a statement resolved against its target', () => {
  let postgres: TemporaryPostgres;
  let client: pg.Client;
  let analyzer: SqlAnalyzer;
  let catalog: CatalogSnapshot;

  beforeAll(async () => {
    postgres = await temporaryPostgres();
    client = new pg.Client(postgres.adminUrl());
    await client.connect();
    await client.query(SCHEMA);
    await client.query('SET search_path = pg_catalog');
    catalog = await loadCatalog(
      async (text) => (await client.query<string[]>({ text, rowMode: 'array' })).rows,
    );
    analyzer = createSqlAnalyzer();
  }, 60_000);
  afterAll(async () => {
    await analyzer.close();
    await client.end();
    await postgres.dispose();
  });

  const resolve = async (text: string, path?: string): Promise<StatementAnalysis> => {
    const result = await analyzer.resolve(text, contextOf(catalog, path));
    if (!result.ok) throw new Error(result.message);
    return result.analysis.statements[0] as StatementAnalysis;
  };
  const lineage = async (text: string): Promise<Record<string, string[]> | null> => {
    const { resolution } = await resolve(text);
    if (resolution?.output === null || resolution === undefined) return null;
    return Object.fromEntries(
      resolution.output.map(({ name, from }) => [name, from.map((one) => one.replace('public.', ''))]),
    );
  };

  it.each([
    ['SELECT * FROM people', ['people', 'public.people'], []],
    ['SELECT contact FROM contacts', ['contacts', 'public.contacts', 'public.people', 'people'], []],
    [
      'SELECT id FROM contact_ids',
      ['contact_ids', 'public.contact_ids', 'public.contacts', 'public.people'],
      [],
    ],
    ['SELECT * FROM kept', ['kept', 'public.kept', 'public.people'], []],
    ['SELECT * FROM family', ['public.family', 'public.family_child'], []],
    ['SELECT * FROM events_1', ['public.events_1', 'public.events'], []],
    ['SELECT mail_of(1)', ['public.people'], []],
    ['SELECT mail_atomic(1)', ['public.people'], []],
    ['SELECT * FROM everyone()', ['public.people'], []],
    ['SELECT zip FROM people', ['public.people'], []],
    ['SELECT * FROM guarded', ['public.guarded', 'public.people'], []],
    ['SELECT * FROM sales.deals', ['sales.deals'], []],
    ['SELECT "Col.1" FROM "Odd.Name"', ['"Odd.Name"', 'public."Odd.Name"'], []],
    ['WITH people AS (SELECT 1) SELECT * FROM people', [], []],
    ['WITH people AS (SELECT * FROM people) SELECT * FROM people', ['public.people'], []],
    [
      'DELETE FROM people WHERE id = 1',
      ['public.people'],
      ['public.people', 'public.orders', 'public.lines'],
    ],
    ['UPDATE orders SET id = 2 WHERE id = 1', ['public.orders'], ['public.orders', 'public.lines']],
    ['UPDATE orders SET total = 2 WHERE id = 1', ['public.orders'], ['public.orders']],
    [
      'DELETE FROM contacts WHERE id = 1',
      [],
      ['public.contacts', 'public.people', 'public.orders', 'public.lines'],
    ],
    ['TRUNCATE people CASCADE', [], ['public.people', 'public.orders', 'public.audit', 'public.lines']],
    [
      "UPDATE above SET name = 'x' WHERE id = 1",
      ['public.people'],
      ['public.above', 'public.through', 'public.people'],
    ],
    [
      'DELETE FROM through WHERE id = 1',
      [],
      ['public.through', 'public.people', 'public.orders', 'public.lines'],
    ],
    ["INSERT INTO of_enum VALUES ('a')", [], ['public.of_enum']],
    ['COPY people TO STDOUT', ['public.people'], []],
    ['COPY (SELECT contact FROM contacts) TO STDOUT', ['public.people'], []],
    ['EXPLAIN DELETE FROM people', ['public.people'], []],
    ['PREPARE p AS SELECT contact FROM contacts', ['public.people'], []],
    ['DECLARE c CURSOR FOR SELECT contact FROM contacts', ['public.people'], []],
    [
      'MERGE INTO orders o USING contacts c ON o.person = c.id WHEN MATCHED THEN DELETE',
      ['public.people'],
      ['public.orders', 'public.lines'],
    ],
  ])('%s', async (text, reads, writes) => {
    const found = await resolve(text);
    expect(found.incomplete).toBeUndefined();
    expect(found.reads).toEqual(expect.arrayContaining(reads));
    expect(found.writes).toEqual(expect.arrayContaining(writes));
    if (writes.length === 0) expect(found.writes).toEqual([]);
    for (const table of ['public.orders', 'public.lines', 'public.people'])
      if (!writes.includes(table)) expect(found.writes).not.toContain(table);
  });

  it.each([
    ['SELECT email FROM people', { email: ['people.email'] }],
    [
      'SELECT p.* FROM people p',
      {
        id: ['people.id'],
        name: ['people.name'],
        email: ['people.email'],
        ssn: ['people.ssn'],
        note: ['people.note'],
        active: ['people.active'],
      },
    ],
    ['SELECT upper(email) || name AS x FROM people', { x: ['people.email', 'people.name'] }],
    ['SELECT count(email) FROM people', { count: [] }],
    ['SELECT contact FROM contacts', { contact: ['contacts.contact', 'people.email'] }],
    ['SELECT masked FROM computed', { masked: ['computed.masked', 'computed.email'] }],
    ['SELECT x FROM (SELECT note, email FROM people) AS s(n, x)', { x: ['people.email'] }],
    ['WITH c(z) AS (SELECT ssn FROM people) SELECT z FROM c', { z: ['people.ssn'] }],
    ['SELECT note FROM people UNION SELECT email FROM people', { note: ['people.note', 'people.email'] }],
    [
      'WITH RECURSIVE r(a, b) AS (SELECT note, email FROM people UNION ALL SELECT b, a FROM r) SELECT a FROM r',
      { a: ['people.note', 'people.email'] },
    ],
    ['SELECT (SELECT email FROM people LIMIT 1) AS e FROM orders', { e: ['people.email'] }],
    [
      'SELECT o.memo, l.e FROM orders o, LATERAL (SELECT email AS e FROM people WHERE id = o.person) l',
      { memo: ['orders.memo'], e: ['people.email'] },
    ],
    [
      'SELECT * FROM (SELECT id, email FROM people) a JOIN (SELECT id, memo FROM orders) b USING (id)',
      { id: ['people.id', 'orders.id'], email: ['people.email'], memo: ['orders.memo'] },
    ],
    ['SELECT j.b FROM (people p JOIN orders o ON o.person = p.id) AS j(a, b)', { b: ['people.name'] }],
    ['SELECT x.e FROM people p, jsonb_to_record(to_jsonb(p.email)) AS x(e text)', { e: ['people.email'] }],
    ['SELECT v FROM unnest(ARRAY(SELECT email FROM people)) v', { v: ['people.email'] }],
    ['SELECT EXISTS (SELECT email FROM people) AS e', { e: [] }],
    [
      'UPDATE people SET note = note WHERE id = 1 RETURNING old.email, new.note AS n',
      { email: ['people.email'], n: ['people.note'] },
    ],
    ['SELECT mail_of(1) AS m', { m: ['people.email'] }],
    [
      'SELECT p.zip FROM people p',
      { zip: ['people.id', 'people.name', 'people.email', 'people.ssn', 'people.note', 'people.active'] },
    ],
    ['SELECT ctid, tableoid FROM people', { ctid: [], tableoid: [] }],
    ['VALUES (1, (SELECT email FROM people))', { column1: [], column2: ['people.email'] }],
    ["SELECT x.v FROM json_table('{}', '$' COLUMNS (v text PATH '$')) x", { v: [] }],
  ])('%s: lineage', async (text, expected) => {
    expect(await lineage(text)).toEqual(expected);
  });

  it.each([
    ['SELECT hidden()', 'public.hidden is code that cannot be seen'],
    ['SELECT wipe()', 'it runs DELETE inside a function'],
    ["SELECT 'a' === 'b'", 'public.same is code that cannot be seen'],
    ["INSERT INTO checked VALUES ('x')", 'public.checks is code that cannot be seen'],
    ["UPDATE triggered SET v = 'x' WHERE v = 'y'", 'public.secretly is code that cannot be seen'],
    ["INSERT INTO ruled VALUES ('x')", 'a rule on ruled rewrites it'],
    ["INSERT INTO above VALUES (1, 'x')", 'public.secretly is code that cannot be seen'],
    ["INSERT INTO of_domain VALUES ('x')", 'public.checks is code that cannot be seen'],
    ["INSERT INTO of_array VALUES ('{x}')", 'public.checks is code that cannot be seen'],
    ["UPDATE of_pair SET v = ROW(1, 'x') WHERE v IS NULL", 'public.checks is code that cannot be seen'],
    ["INSERT INTO by_operator VALUES ('x')", 'public.same is code that cannot be seen'],
    ["DELETE FROM conditional WHERE v = 'x'", 'public.is_so is code that cannot be seen'],
    ["INSERT INTO parts VALUES ('x')", 'public.part_of is code that cannot be seen'],
    ["INSERT INTO parts_1 VALUES ('x')", 'public.part_of is code that cannot be seen'],
    ['SELECT loop_a()', 'loop_a refers to itself'],
    ['SELECT * FROM pg_toast.pg_toast_1234', 'pg_toast.pg_toast_1234 is not in the catalog'],
    ['SELECT * FROM pg_temp_3.t', 'pg_temp_3.t is not in the catalog'],
    [
      "SELECT brin_summarize_new_values('people_pkey')",
      'brin_summarize_new_values works on a table that it finds by a value',
    ],
    ['SELECT pg_temp.f()', "pg_temp.f is a function of the session's own"],
    ['SELECT * FROM mails', 'public.mail_of runs under a search_path that cannot be told'],
  ])('%s: incomplete', async (text, why) => {
    expect((await resolve(text)).incomplete).toBe(why);
  });

  it.each([
    ['UPDATE people SET note = email WHERE id = 1', 'relocates-personal-data'],
    ['UPDATE people SET (note, name) = (SELECT email, name) WHERE id = 1', 'relocates-personal-data'],
    ['INSERT INTO audit (what) SELECT contact FROM contacts', 'relocates-personal-data'],
    [
      'INSERT INTO orders VALUES (1) ON CONFLICT (id) DO UPDATE SET memo = (SELECT email FROM people LIMIT 1)',
      'relocates-personal-data',
    ],
    [
      'MERGE INTO orders o USING people p ON o.person = p.id WHEN MATCHED THEN UPDATE SET memo = p.email',
      'relocates-personal-data',
    ],
    ['CREATE TABLE t AS SELECT email AS e FROM people', 'relocates-personal-data'],
    ['UPDATE people SET note = note WHERE id = 1 RETURNING email', 'returns-personal-data'],
    [
      'WITH w AS (UPDATE people SET note = note WHERE id = 1 RETURNING email) SELECT * FROM w',
      'returns-personal-data',
    ],
    ['COPY people (email) TO STDOUT', 'copies-personal-data'],
    [
      'SELECT * FROM jsonb_to_record((SELECT to_jsonb(p) FROM people p)) AS x(a text)',
      'reshapes-personal-data',
    ],
    ['DELETE FROM people WHERE id = 1', 'cascade'],
    ['SELECT query FROM pg_stat_activity', 'reveals'],
    ['SELECT * FROM pg_stats', 'reveals'],
    ['SELECT a FROM pg_stat_get_activity(NULL) a', 'reveals'],
    ['SELECT * FROM slot_files', 'server-file'],
  ])('%s: %s', async (text, trait) => {
    expect((await resolve(text)).traits).toContain(trait);
  });

  it.each([
    'UPDATE people SET email = lower(email) WHERE id = 1',
    'UPDATE people SET note = name WHERE id = 1',
    'INSERT INTO sales.deals SELECT id, email FROM people WHERE id = 1',
    'UPDATE people SET note = (SELECT count(email) FROM people)::text WHERE id = 1',
    'COPY orders TO STDOUT',
    'UPDATE people SET note = note WHERE id = 1 RETURNING id',
    'SELECT pid, state FROM pg_stat_activity',
    'UPDATE orders SET total = 1 WHERE id = 1',
  ])('%s: no trait', async (text) => {
    const { traits, incomplete } = await resolve(text);
    expect({ traits, incomplete }).toEqual({ traits: [], incomplete: undefined });
  });

  it("finds names by the session's own search_path", async () => {
    expect((await resolve('SELECT memo FROM orders', 'tricks, public')).reads).toContain('tricks.orders');
    expect((await resolve('SELECT memo FROM orders', 'public')).reads).toContain('public.orders');
    expect((await resolve('SELECT memo FROM orders', '"$user"')).resolution?.missing).toEqual(['orders']);
  });

  it("finds the session's temporary tables first", async () => {
    const context = contextOf(catalog, undefined, [
      { oid: 99_999, name: 'people', kind: 'r', columns: ['email', 'other'] },
    ]);
    const result = await analyzer.resolve('SELECT other FROM people', context);
    if (!result.ok) throw new Error(result.message);
    const [statement] = result.analysis.statements;
    expect(statement?.reads).toEqual(['people', 'pg_temp.people']);
    expect(statement?.resolution?.output).toEqual([{ name: 'other', from: ['pg_temp.people.other'] }]);
  });

  it.each([
    ['SELECT * FROM own', { beyond: 'a definition' }, 'own is a temporary relation with a definition'],
    ['INSERT INTO own VALUES (1)', { beyond: 'triggers' }, 'own is a temporary relation with triggers'],
    ['SELECT * FROM own', {}, undefined],
    ['SELECT * FROM orders', { parents: ['orders'] }, 'own is temporary and a part of orders'],
    ['SELECT * FROM contact_ids', { parents: ['people'] }, 'own is temporary and a part of people'],
    ['SELECT reads_scratch()', { name: 'orders' }, 'reads_scratch may mean the temporary relation orders'],
    ['SELECT reads_through()', { name: 'orders' }, 'reads_through may mean the temporary relation orders'],
    ['SELECT reads_atomic()', { name: 'orders' }, undefined],
    ['SELECT reads_scratch()', { name: 'lines' }, undefined],
  ])(
    '%s beside a temporary relation of %j',
    async (text, given: { parents?: string[]; beyond?: string; name?: string }, expected) => {
      const { parents = [], ...own } = given;
      const { relations, schemas } = JSON.parse(catalog.json) as CatalogRows;
      const schema = schemas.find(([, name]) => name === 'public')?.[0];
      const oidOf = (name: string): number =>
        relations.find((row) => row[1] === schema && row[2] === name)?.[0] ?? 0;
      const context = contextOf(catalog, undefined, [
        { oid: 99_999, name: 'own', kind: 'r', columns: ['id'], parents: parents.map(oidOf), ...own },
      ]);
      const result = await analyzer.resolve(text, context);
      if (!result.ok) throw new Error(result.message);
      expect(result.analysis.statements[0]?.incomplete).toBe(expected);
    },
  );

  it('cannot tell anything that has a name without a catalog', async () => {
    const answer = async (text: string): Promise<string | undefined> => {
      const result = await analyzer.resolve(text, contextOf(undefined));
      return result.ok ? result.analysis.statements[0]?.incomplete : result.message;
    };
    expect(await answer('SELECT * FROM people')).toBe('the catalog of the target is not loaded');
    expect(await answer('SELECT 1')).toBeUndefined();
    expect(await answer('BEGIN')).toBeUndefined();
  });

  it('answers a repeated text in the same context from memory', async () => {
    const context = contextOf(catalog);
    expect(analyzer.resolved('SELECT 1 FROM people', context)).toBeUndefined();
    const made = await analyzer.resolve('SELECT 1 FROM people', context);
    expect(analyzer.resolved('SELECT 1 FROM people', context)).toBe(made);
    expect(analyzer.resolved('SELECT 1 FROM people', contextOf(catalog))).toBeUndefined();
  });

  it('is found on the trip that reads a text, where the context is told beforehand', async () => {
    const context = contextOf(catalog);
    const read = await analyzer.analyze('SELECT 2 FROM people', context);
    const found = analyzer.resolved('SELECT 2 FROM people', context);
    expect(found).toBeDefined();
    expect(await analyzer.resolve('SELECT 2 FROM people', contextOf(catalog))).toEqual(found);
    expect(read).toMatchObject({ ok: true, analysis: { statements: [{ reads: ['people'] }] } });
  });
});
