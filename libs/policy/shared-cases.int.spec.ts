import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createSqlAnalyzer } from '#libs/sql/sql-analyzer.js';
import type { SqlAnalyzer } from '#libs/sql/analysis.js';
import { loadBuiltinPolicy } from './load-policy.js';

interface Attempt {
  readonly id: string;
  readonly category: string;
  readonly technique: string;
  readonly sql: string;
  readonly expected: string;
}

const CATEGORIES = ['guardrail evasion', 'session and role', 'dynamic SQL', 'relocation and copy'];

/** Masking's to solve, or for want of a catalog: the text alone does not tell. */
const NOT_BY_TEXT = new Map([
  ['E101', 'copies a value between columns: needs lineage'],
  ['E103', 'masks'],
  ['E105', 'masks'],
  ['E107', 'masks'],
  ['E115', 'masks'],
  ['E117', 'binary COPY is refused only where it would have to be masked'],
  ['F141', 'masks'],
  ['J225', 'reaches other tables by a cascade: needs the catalog'],
]);

/** They say DENY; the public contract has other DDL reviewed. */
const REVIEWED_DDL = new Set(['E097', 'E109', 'E111']);

const shared = process.env['COUNTERSIGN_SHARED'];
const file = shared === undefined ? undefined : path.join(shared, 'cases', 'postgres-bypass.jsonl');
const isThere = file !== undefined && existsSync(file);
const describeShared = isThere ? describe : describe.skip;
const suite = isThere
  ? 'the shared attempts'
  : 'the shared attempts: LEFT OUT, COUNTERSIGN_SHARED names no folder that holds cases/postgres-bypass.jsonl';

const attempts: readonly Attempt[] = isThere
  ? readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Attempt)
      .filter(
        ({ category, sql }) =>
          CATEGORIES.some((name) => category.startsWith(name)) && !sql.startsWith('(wire)'),
      )
  : [];

describeShared(suite, () => {
  const policy = loadBuiltinPolicy();
  let analyzer: SqlAnalyzer;
  beforeAll(() => {
    analyzer = createSqlAnalyzer();
  });
  afterAll(() => analyzer.close());

  const named = attempts.map((attempt): [string, Attempt] => [`${attempt.id} ${attempt.technique}`, attempt]);
  // Without the folder the table must still have a row, which is then left out with the suite.
  const rows = named.length > 0 ? named : [['none', undefined] as const];

  it.each(rows)('%s', async (_name, attempt) => {
    if (attempt === undefined) throw new Error('the shared file holds no attempt of these categories');
    const result = await analyzer.analyze(attempt.sql);
    if (!result.ok) throw new Error(result.message);
    const { effect } = policy.judge({
      analysis: result.analysis,
      identity: { name: 'alice', kind: 'human', groups: ['engineering'], issuer: 'i', subject: 's' },
      target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
      session: { applicationName: '', clientAddress: '192.0.2.1', insideTransaction: false },
      now: 0,
    });
    if (NOT_BY_TEXT.has(attempt.id)) expect(effect).toBe('allow');
    else if (attempt.expected.startsWith('DENY') && !REVIEWED_DDL.has(attempt.id))
      expect(effect).toBe('deny');
    else expect(['deny', 'review']).toContain(effect);
  });
});
