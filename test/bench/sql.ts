import pg from 'pg';
import { contextOf } from '#libs/sql/catalog/context-of.js';
import { loadCatalog } from '#libs/sql/catalog/load-catalog.js';
import type { ResolutionContext } from '#libs/sql/resolve/resolution.js';
import { createSqlAnalyzer } from '#libs/sql/sql-analyzer.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { median, table } from './statistics.js';

interface Row {
  readonly what: string;
  readonly goal: number | undefined;
  readonly microseconds: number;
}

const REPEATED = 'SELECT id, name FROM customers WHERE id = 1';
/** Sessions that send a new text at the same moment. */
const CROWD = 8;

const newText = (index: number): string => `SELECT id, name FROM customers WHERE id = ${index}`;

/**
 * What analysis costs the event loop that serves sessions: the time its own thread computes, the parser's
 * thread left out; and what a new text costs altogether, which is latency.
 */
export async function benchSql(options: { json: boolean; short: boolean }): Promise<void> {
  const context = await contextOfTables();
  const analyzer = createSqlAnalyzer();
  const rounds = options.short ? 5 : 25;
  const rows: Row[] = [];
  try {
    await analyzer.analyze(REPEATED);
    await analyzer.resolve(REPEATED, context);
    const repeated: number[] = [];
    const fresh: number[] = [];
    const latency: number[] = [];
    const crowded: number[] = [];
    let next = 0;
    for (let round = 0; round < rounds; round += 1) {
      repeated.push(
        await loopTime(200_000, () => {
          if (analyzer.cached(REPEATED) === undefined) throw new Error('forgotten');
          if (analyzer.resolved(REPEATED, context) === undefined) throw new Error('forgotten');
        }),
      );
      const times = 1_000;
      const begun = performance.now();
      fresh.push(
        await loopTime(times, async () => {
          const text = newText((next += 1));
          await analyzer.analyze(text, context);
          if (analyzer.resolved(text, context) === undefined) throw new Error('not resolved');
        }),
      );
      latency.push(((performance.now() - begun) * 1_000) / times);
      crowded.push(
        (await loopTime(times / CROWD, () =>
          Promise.all(Array.from({ length: CROWD }, () => analyzer.analyze(newText((next += 1)), context))),
        )) / CROWD,
      );
    }
    rows.push({ what: 'a repeated statement, event loop', goal: 5, microseconds: median(repeated) });
    rows.push({ what: 'a new short SELECT, event loop', goal: 100, microseconds: median(fresh) });
    rows.push({ what: `one of ${CROWD} at a time, event loop`, goal: 100, microseconds: median(crowded) });
    rows.push({ what: 'a new short SELECT, until answered', goal: undefined, microseconds: median(latency) });
  } finally {
    await analyzer.close();
  }
  if (options.json) console.log(JSON.stringify({ bench: 'sql', rows }));
  else
    console.log(
      table([
        ['analysis', 'goal µs', 'µs'],
        ...rows.map(({ what, goal, microseconds }) => [what, String(goal ?? ''), microseconds.toFixed(2)]),
      ]),
    );
}

/** The catalog of a database with a hundred tables. */
async function contextOfTables(): Promise<ResolutionContext> {
  const postgres = await temporaryPostgres();
  const client = new pg.Client(postgres.adminUrl());
  try {
    await client.connect();
    await client.query('CREATE TABLE customers (id int PRIMARY KEY, name text, email text)');
    for (let index = 0; index < 100; index += 1)
      await client.query(`CREATE TABLE t${index} (id int PRIMARY KEY, other int REFERENCES customers)`);
    await client.query('SET search_path = pg_catalog');
    const catalog = await loadCatalog(
      async (text) => (await client.query<string[]>({ text, rowMode: 'array' })).rows,
    );
    return contextOf(catalog);
  } finally {
    await client.end();
    await postgres.dispose();
  }
}

/**
 * CPU time of this thread for one of so many calls, µs, each waited for. Other threads' work does not count,
 * nor does waiting.
 */
async function loopTime(times: number, call: () => unknown): Promise<number> {
  const begun = process.threadCpuUsage();
  for (let index = 0; index < times; index += 1) {
    const answer = call();
    if (answer instanceof Promise) await answer;
  }
  const { user, system } = process.threadCpuUsage(begun);
  return (user + system) / times;
}
