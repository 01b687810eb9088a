import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SqlAnalyzer } from '#libs/sql/analysis.js';
import { createSqlAnalyzer } from '#libs/sql/sql-analyzer.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { newTally, runScript, type RegressionTally } from './run-regression.js';
import { splitScript, type ScriptStep } from './split-script.js';

const SCRIPT = `
-- a script in the manner of PostgreSQL's own
\\set limit 3
CREATE TABLE shelf (id int PRIMARY KEY, title text); CREATE TABLE loans (shelf int REFERENCES shelf, who text);
COPY shelf (id, title) FROM stdin;
1	Semicolons; and quotes'
2	More
\\.
INSERT INTO shelf VALUES (1, 'a;b'), (2, $$c;d$$);
INSERT INTO loans VALUES (1, 'bob') RETURNING who;
CREATE VIEW lent AS SELECT title, who FROM shelf JOIN loans ON loans.shelf = shelf.id;
SELECT * FROM lent LIMIT :limit;
CREATE FUNCTION titles() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT title FROM shelf; SELECT CASE WHEN true THEN 'x' END; END;
SELECT count(*) FROM titles() \\gset
SELECT :'count';
CREATE TEMP VIEW mine AS SELECT who FROM loans;
SELECT * FROM mine;
BEGIN; UPDATE shelf SET title = E'it\\'s; here' WHERE id = 1; SAVEPOINT s; SELEC 1; ROLLBACK TO s; COMMIT;
DELETE FROM loans USING shelf WHERE loans.shelf = shelf.id AND shelf.id = 1;
/* one /* inside; another */; */ MERGE INTO loans USING shelf ON loans.shelf = shelf.id WHEN NOT MATCHED THEN INSERT VALUES (shelf.id, 'x');
SELECT 1 \\; SELECT 2;
`;

describe('a regression script', () => {
  let postgres: TemporaryPostgres;
  let analyzer: SqlAnalyzer;
  let folder: string;
  let file: string;
  beforeAll(async () => {
    postgres = await temporaryPostgres({ fsync: 'off' });
    analyzer = createSqlAnalyzer();
    folder = await mkdtemp(path.join(tmpdir(), 'countersign-regression-'));
    file = path.join(folder, 'library.sql');
    await writeFile(file, SCRIPT);
  }, 60_000);
  afterAll(async () => {
    await analyzer.close();
    await postgres.dispose();
    await rm(folder, { recursive: true });
  });

  const run = async (by: SqlAnalyzer): Promise<RegressionTally> => {
    const tally = newTally();
    await runScript(file, { url: postgres.adminUrl(), analyzer: by, tally });
    return tally;
  };

  it('is split as psql splits it', () => {
    const steps: ScriptStep[] = [];
    const all = splitScript(SCRIPT);
    for (let step = all.next(); step.done !== true;) {
      steps.push(step.value);
      step = all.next(step.value.is === 'statement' && step.value.text.startsWith('COPY'));
    }
    const texts = steps.map((step) => (step.is === 'statement' ? step.text : step.is));
    expect(texts).toHaveLength(21);
    expect(texts).toContain("INSERT INTO shelf VALUES (1, 'a;b'), (2, $$c;d$$)");
    expect(texts).toContain('SELECT * FROM lent LIMIT 3');
    expect(texts).toContain('SELECT count(*) FROM titles()');
    expect(texts).toContain("UPDATE shelf SET title = E'it\\'s; here' WHERE id = 1");
    expect(texts.filter((text) => text === 'skipped')).toHaveLength(1);
    expect(steps.at(-1)).toMatchObject({ text: 'SELECT 1 ; SELECT 2', several: true });
    expect(texts.some((text) => text.includes('More'))).toBe(false);
  });

  it('agrees with the server, and what the analysis does not say would be found', async () => {
    const honest = await run(analyzer);
    expect(honest.disagreements).toEqual([]);
    expect(honest).toMatchObject({ statements: 20, skipped: 1, parsed: 19, incomplete: 1 });
    expect(honest.compared).toBeGreaterThan(7);

    const forgetful: SqlAnalyzer = {
      ...analyzer,
      analyze: (text) => analyzer.analyze(text),
      resolve: async (text, context) => {
        const result = await analyzer.resolve(text, context);
        if (!result.ok) return result;
        const statements = result.analysis.statements.map((statement) =>
          statement.resolution === undefined
            ? statement
            : { ...statement, resolution: { ...statement.resolution, relations: [] } },
        );
        return { ok: true, analysis: { ...result.analysis, statements } };
      },
    };
    const found = (await run(forgetful)).disagreements;
    expect(found.length).toBeGreaterThan(3);
    expect(found.every(({ about }) => about === 'relations')).toBe(true);
  }, 120_000);
});
