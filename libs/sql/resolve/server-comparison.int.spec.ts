import pg from 'pg';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import type { SqlAnalyzer } from '../analysis.js';
import { contextOf } from '../catalog/context-of.js';
import { loadCatalog, type CatalogSnapshot } from '../catalog/load-catalog.js';
import { createSqlAnalyzer } from '../sql-analyzer.js';
import {
  relationsOfPlan,
  relationsOfView,
  type Ask,
  type ServerRelation,
} from '../testing/server-relations.js';

const SCHEMA = `
  CREATE SCHEMA other;
  CREATE TABLE a (id int PRIMARY KEY, x int, t text, d date, j jsonb, arr int[]);
  CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a, y numeric, t text);
  CREATE TABLE c (id int, b_id int, z text);
  CREATE TABLE other.a (id int, secret text);
  CREATE TABLE "Mixed" ("Id" int, "Weird Name" text);
  CREATE TABLE parent (id int, v text); CREATE TABLE child (extra text) INHERITS (parent);
  CREATE TABLE parted (k int, v text) PARTITION BY LIST (k);
  CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
  CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
  CREATE VIEW va AS SELECT id, t AS label FROM a WHERE x > 0;
  CREATE VIEW vab AS SELECT va.id, va.label, b.y FROM va JOIN b ON b.a_id = va.id;
  CREATE MATERIALIZED VIEW ma AS SELECT id, t FROM a;
`;

/** What stands where a relation may: a FROM item with columns id and t as p.one and p.two. */
const SOURCES: Readonly<Record<string, string>> = {
  table: '(SELECT id AS one, t AS two FROM a) p',
  bare: 'a AS p (one, x, two)',
  qualified: '(SELECT id AS one, secret AS two FROM other.a) p',
  mixed: '(SELECT "Id" AS one, "Weird Name" AS two FROM "Mixed") p',
  view: '(SELECT id AS one, label AS two FROM va) p',
  nested: '(SELECT id AS one, label AS two, y FROM vab) p',
  materialized: '(SELECT id AS one, t AS two FROM ma) p',
  parent: '(SELECT id AS one, v AS two FROM parent) p',
  only: '(SELECT id AS one, v AS two FROM ONLY parent) p',
  partitioned: '(SELECT k AS one, v AS two FROM parted) p',
  joined: '(SELECT b.id AS one, a.t AS two FROM a JOIN b ON b.a_id = a.id) p',
  using: '(SELECT id AS one, c.z AS two FROM b LEFT JOIN c USING (id)) p',
  natural: '(SELECT id AS one, t AS two FROM a NATURAL FULL JOIN b) p',
  union: '(SELECT id AS one, t AS two FROM a UNION ALL SELECT id, t FROM b) p',
  except: '(SELECT id AS one, z AS two FROM c EXCEPT SELECT id, secret FROM other.a) p',
  cte: '(WITH w AS (SELECT id, t FROM a) SELECT w.id AS one, b.t AS two FROM w, b) p',
  shadow: '(WITH b AS (SELECT id, secret FROM other.a) SELECT id AS one, secret AS two FROM b) p',
  recursive:
    '(WITH RECURSIVE r AS (SELECT id, t FROM a UNION SELECT c.b_id, c.z FROM c JOIN r ON r.id = c.id) SELECT id AS one, t AS two FROM r) p',
  lateral: '(SELECT a.id AS one, l.z AS two FROM a, LATERAL (SELECT z FROM c WHERE c.b_id = a.x) l) p',
  values: '(SELECT v.n AS one, a.t AS two FROM (VALUES (1)) v(n) JOIN a ON a.id = v.n) p',
  series: '(SELECT g AS one, b.t AS two FROM generate_series(1, 3) g JOIN b ON b.id = g) p',
  json: '(SELECT a.id AS one, e.value AS two FROM a, jsonb_each_text(a.j) e) p',
  sample: '(SELECT id AS one, t AS two FROM a TABLESAMPLE SYSTEM (10)) p',
};

/** What is asked of it. */
const QUERIES: Readonly<Record<string, string>> = {
  plain: 'SELECT p.one, p.two FROM $',
  star: 'SELECT * FROM $',
  where: 'SELECT p.two FROM $ WHERE p.one IN (SELECT b_id FROM c)',
  scalar: 'SELECT (SELECT max(y) FROM b WHERE b.id = p.one) AS m FROM $',
  exists: 'SELECT 1 AS k FROM $ WHERE EXISTS (SELECT FROM other.a o WHERE o.id = p.one)',
  grouped:
    'SELECT p.one, count(DISTINCT p.two) FROM $ GROUP BY GROUPING SETS ((p.one), ()) HAVING count(*) > (SELECT min(id) FROM a)',
  windowed:
    'SELECT row_number() OVER (PARTITION BY p.two ORDER BY (SELECT x FROM a LIMIT 1)) AS n FROM $ ORDER BY p.one LIMIT 3',
  cased: 'SELECT CASE WHEN p.two = ANY (ARRAY(SELECT z FROM c)) THEN 1 ELSE 2 END AS k FROM $',
};

describe('what a query reads, beside what the server says', () => {
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
    await client.query('RESET search_path');
    analyzer = createSqlAnalyzer();
  }, 60_000);
  afterAll(async () => {
    await analyzer.close();
    await client.end();
    await postgres.dispose();
  });

  const ask: Ask = async (text) => (await client.query<Record<string, unknown>>(text)).rows;
  const namesOf = (all: readonly ServerRelation[]): string[] => all.map(({ name }) => name);

  const plainName = (name: string): string => name.replaceAll('"', '');

  const corpus = Object.entries(SOURCES).flatMap(([source, item]) =>
    Object.entries(QUERIES).map(
      ([name, query]) => [`${name} of ${source}`, query.replace('$', item)] as const,
    ),
  );

  it('is asked for more than 150 queries', () => expect(corpus.length).toBeGreaterThan(150));

  it.each(Object.keys(SOURCES))(
    'misses nothing of queries of %s',
    async (source) => {
      for (const [name, query] of corpus.filter(([title]) => title.endsWith(` of ${source}`))) {
        const result = await analyzer.resolve(query, contextOf(catalog));
        if (!result.ok) throw new Error(`${name}: ${result.message}`);
        const [statement] = result.analysis.statements;
        const { resolution, incomplete } = statement ?? {};
        const view = await relationsOfView(ask, query);
        const { scanned } = await relationsOfPlan(ask, query);
        const reads = (resolution?.relations ?? [])
          .filter(({ read }) => read)
          .map((one) => plainName(one.name));
        const columns = (resolution?.columnsRead ?? []).map(plainName);
        // Every query of the corpus is one that can be told whole.
        expect({ name, incomplete }).toEqual({ name, incomplete: undefined });
        expect({ name, missed: namesOf(view.relations).filter((one) => !reads.includes(one)) }).toEqual({
          name,
          missed: [],
        });
        expect({
          name,
          missed: namesOf(scanned).filter((one) => !reads.includes(one) && !/\.parted_\d$/.test(one)),
        }).toEqual({ name, missed: [] });
        expect({ name, missed: view.columns.filter((one) => !columns.includes(one)) }).toEqual({
          name,
          missed: [],
        });
      }
    },
    60_000,
  );
});
