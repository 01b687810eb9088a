import { analyzeText } from './analyze-text.js';
import { loadGrammar, type Grammar } from './grammar.js';

let grammar: Grammar;
beforeAll(async () => {
  grammar = await loadGrammar();
});

function isBounded(text: string): boolean {
  const { result } = analyzeText(grammar, text, 10);
  if (!result.ok) throw new Error(`${text}: ${result.message}`);
  return result.analysis.statements.every((statement) => statement.bounded);
}

describe('a condition that does not certainly restrict counts as none', () => {
  it.each([
    '',
    'WHERE true',
    'WHERE 1 = 1',
    'WHERE NOT false',
    'WHERE id = id',
    'WHERE id + 0 = id',
    'WHERE coalesce(id, id) = id',
    'WHERE id IS NOT NULL',
    'WHERE id IS NULL OR id IS NOT NULL',
    'WHERE deleted_at IS NULL',
    'WHERE id = 1 OR true',
    'WHERE id = 1 OR id <> 1',
    'WHERE id > 0',
    'WHERE id < 2147483647',
    'WHERE id >= 0 AND id <= 2147483647',
    'WHERE id BETWEEN 0 AND 2147483647',
    'WHERE age BETWEEN 0 AND 150',
    'WHERE id <> 0',
    'WHERE NOT (id = 5)',
    'WHERE id NOT IN (1, 2)',
    "WHERE note LIKE '%'",
    "WHERE note ~ '.*'",
    'WHERE random() < 2',
    'WHERE random() >= 0',
    "WHERE id = nextval('s')",
    'WHERE EXISTS (SELECT 1)',
    'WHERE EXISTS (SELECT 1 FROM t x WHERE x.id = t.id)',
    'WHERE id IN (SELECT id FROM t)',
    // A column the inner relation lacks is the outer one's: true for every row.
    'WHERE id IN (SELECT id FROM u WHERE u.k = 1)',
    'WHERE id = (SELECT t.id)',
    'WHERE id = (SELECT t.id FROM u LIMIT 1)',
    'WHERE id = ANY (ARRAY(SELECT id FROM t))',
    'WHERE id = ANY (SELECT id FROM t)',
    'WHERE active',
    'WHERE active = true',
    "WHERE active = 't'",
    'WHERE active IN (true, false)',
    "WHERE active = ANY ('{t,f}')",
    'WHERE active IN (VALUES (true), (false))',
    'WHERE active IS NOT DISTINCT FROM NULL',
    'WHERE active IS NOT DISTINCT FROM $1',
    "WHERE ctid >= '(0,0)'",
    "WHERE tableoid = 't'::regclass",
    'WHERE cmin = 0',
    "WHERE t.pg_typeof = 't'",
    'WHERE id OPERATOR(evil.=) 1',
    'WHERE CASE WHEN id = 1 THEN true ELSE true END',
    'WHERE (id, id) = (id, id)',
  ])('DELETE FROM t %s', (condition) => {
    expect(isBounded(`DELETE FROM t ${condition}`)).toBe(false);
    expect(isBounded(`UPDATE t SET a = 1 ${condition}`)).toBe(false);
  });
});

describe('a column compared with given values restricts', () => {
  it.each([
    'WHERE id = 5',
    'WHERE 5 = id',
    'WHERE t.id = $1',
    'WHERE id = $1::int AND true',
    'WHERE id = 5 AND id > 0',
    "WHERE note = lower('X')",
    'WHERE created_on = current_date - 1',
    'WHERE id IN (1, 2, 3)',
    'WHERE id = 1 OR id = 2',
    'WHERE (a, b) = (1, 2)',
    'WHERE (a, b) IN ((1, 2), (3, 4))',
    "WHERE id = ANY ('{1,2}')",
    'WHERE id = ANY ($1)',
    'WHERE id = ANY (ARRAY[1, 2])',
    'WHERE id BETWEEN 10 AND 20',
    'WHERE id >= 10 AND id < 20',
    'WHERE id IN (SELECT u.t_id FROM u WHERE u.k = 1)',
    'WHERE id IN (SELECT x.id FROM t AS x ORDER BY x.id LIMIT 100)',
    'WHERE id IN (VALUES (1), (2))',
    "WHERE note IS NOT DISTINCT FROM 'x'",
    "WHERE ctid = '(0,1)'",
    'WHERE CURRENT OF c',
  ])('DELETE FROM t %s', (condition) => {
    expect(isBounded(`DELETE FROM t ${condition}`)).toBe(true);
  });
});

describe('other relations beside the target', () => {
  it.each([
    ['DELETE FROM t USING u', false],
    ['DELETE FROM t USING u WHERE u.id = 1', false],
    ['DELETE FROM t USING u WHERE k = 1', false],
    ['DELETE FROM t USING u WHERE t.u_id = u.id', false],
    ['DELETE FROM t USING u WHERE t.u_id = u.id AND u.id = 1', true],
    ['DELETE FROM t USING u WHERE t.id = 7 AND t.u_id = u.id', true],
    ['DELETE FROM t USING u WHERE (t.u_id = u.id AND u.id = 1) OR u.id = 2', false],
    ['DELETE FROM t AS x USING u WHERE t.id = 1', false],
    ['UPDATE t SET a = v.a FROM (VALUES (1, 2)) AS v(id, a) WHERE t.id = v.id', true],
    ['UPDATE t SET a = v.a FROM unnest($1::int[], $2::int[]) AS v(id, a) WHERE t.id = v.id', true],
    ['UPDATE t SET a = 1 FROM (VALUES (true), (false)) AS v(b) WHERE t.active = v.b', false],
    ['UPDATE t SET a = v.a FROM (SELECT * FROM t) v WHERE t.id = v.id', false],
    // A common table expression may compute the column that the condition compares.
    ['WITH c AS (SELECT *, 1 AS k FROM t) DELETE FROM t USING c WHERE t.id = c.id AND c.k = 1', false],
    [
      'WITH c AS (SELECT *, 1 AS k FROM t) DELETE FROM t WHERE id IN (SELECT c.id FROM c WHERE c.k = 1)',
      false,
    ],
    ['MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE', false],
    ['MERGE INTO t USING (VALUES (1)) v(id) ON t.id = v.id WHEN MATCHED THEN DELETE', true],
    ['MERGE INTO t USING (VALUES (1)) v(id) ON t.id = v.id WHEN NOT MATCHED BY SOURCE THEN DELETE', false],
    ['MERGE INTO t USING (VALUES (1)) v(id) ON true WHEN MATCHED THEN DELETE', false],
    ['MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED THEN INSERT VALUES (1)', true],
  ])('%s: %s', (text, bounded) => {
    expect(isBounded(text)).toBe(bounded);
  });
});

describe('wherever the write stands', () => {
  it.each([
    ['WITH d AS (DELETE FROM t RETURNING *) SELECT count(*) FROM d', false],
    ['WITH d AS (DELETE FROM t WHERE id = 1 RETURNING *) SELECT count(*) FROM d', true],
    ['SELECT 1; DELETE FROM t; SELECT 2', false],
    ['EXPLAIN ANALYZE DELETE FROM t', false],
    ['EXPLAIN DELETE FROM t', true],
    ['PREPARE p AS UPDATE t SET a = 1', false],
    ['COPY (DELETE FROM t RETURNING *) TO STDOUT', false],
    ['INSERT INTO t SELECT * FROM t', true],
    ['INSERT INTO t SELECT * FROM t ON CONFLICT (id) DO UPDATE SET a = 0', false],
    ['INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 0', true],
    ['INSERT INTO t SELECT * FROM t ON CONFLICT DO NOTHING', true],
    ['SELECT * FROM t FOR UPDATE', false],
    ['SELECT * FROM t WHERE id = 1 FOR UPDATE', true],
    ['SELECT * FROM t ORDER BY id LIMIT 10 FOR UPDATE SKIP LOCKED', true],
    ['SELECT * FROM t LIMIT ALL FOR SHARE', false],
    ['SELECT * FROM t', true],
  ])('%s: %s', (text, bounded) => {
    expect(isBounded(text)).toBe(bounded);
  });
});
