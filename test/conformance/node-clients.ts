import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import postgres from 'postgres';

export interface NodeConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly ca: string | undefined;
}

type Line = (label: string, value: unknown) => void;

/** Runs `work` and keeps what it said, in order, with errors in all their fields. */
async function transcript(work: (line: Line, attempt: Attempt) => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const line: Line = (label, value) => void lines.push(`${label} ${JSON.stringify(value)}`);
  await work(line, async (label, attempted) => {
    try {
      line(label, await attempted());
    } catch (error) {
      const fields = Object.entries(error as object).filter(
        ([name]) => !['query', 'parameters', 'args', 'types', 'length'].includes(name),
      );
      line(label, { error: (error as Error).message, ...Object.fromEntries(fields) });
    }
  });
  return lines;
}

type Attempt = (label: string, attempted: () => Promise<unknown>) => Promise<void>;

export const withNodePostgres = (connection: NodeConnection): Promise<string[]> =>
  transcript(async (line, attempt) => {
    const { ca, ...rest } = connection;
    const client = new pg.Client({ ...rest, ...(ca === undefined ? {} : { ssl: { ca } }) });
    client.on('notice', ({ message, code, severity }) => line('notice', { message, code, severity }));
    await client.connect();
    await client.query('DROP TABLE IF EXISTS np');
    await client.query('CREATE TABLE np (id int PRIMARY KEY, t text, b bytea, a int[], ts timestamptz)');
    const insert = 'INSERT INTO np VALUES ($1, $2, $3, $4, $5)';
    await attempt('insert', () => client.query(insert, [1, 'é', Buffer.from([0, 255]), [1, 2], new Date(0)]));
    await attempt('duplicate', () => client.query(insert, [1, null, null, null, null]));
    for (let n = 0; n < 3; n += 1)
      await attempt('prepared', async () => {
        const { rows, fields } = await client.query({
          name: 'byId',
          text: 'SELECT * FROM np WHERE id = $1',
          values: [n],
        });
        return {
          rows,
          fields: fields.map(({ name, dataTypeID, columnID }) => ({ name, dataTypeID, columnID })),
        };
      });
    await attempt('several', async () => {
      const results = (await client.query('SELECT 1 AS a; SELECT 2 AS b')) as unknown as { rows: unknown }[];
      return results.map(({ rows }) => rows);
    });
    await attempt('several, failing', () => client.query('INSERT INTO np (id) VALUES (7); SELECT 1/0'));
    await attempt('not there', async () => (await client.query('SELECT count(*) FROM np WHERE id = 7')).rows);
    await client.query('BEGIN');
    await attempt('fails', () => client.query('SELECT wrong FROM np'));
    await attempt('aborted', () => client.query('SELECT 1'));
    await client.query('ROLLBACK');
    await attempt(
      'array rows',
      async () => (await client.query({ text: 'SELECT 1, 2', rowMode: 'array' })).rows,
    );
    await attempt('queued', async () =>
      Promise.all([1, 2, 3].map(async (n) => (await client.query('SELECT $1::int AS n', [n])).rows)),
    );
    await client.query(`DO $$ BEGIN RAISE NOTICE 'from within'; END $$`);
    const notified = new Promise((resolve) =>
      client.once('notification', ({ channel, payload, processId }) =>
        resolve({
          channel,
          payload,
          own: processId === (client as unknown as { processID: number }).processID,
        }),
      ),
    );
    await client.query('LISTEN np');
    await client.query("NOTIFY np, 'hello'");
    line('notified', await notified);
    await client.end();
  });

export const withPostgresJs = (connection: NodeConnection): Promise<string[]> =>
  transcript(async (line, attempt) => {
    const { ca, user, ...rest } = connection;
    const sql = postgres({
      ...rest,
      user,
      max: 1,
      ssl: ca === undefined ? false : { ca },
      onnotice: ({ message, code, severity }) => line('notice', { message, code, severity }),
    });
    try {
      await sql`DROP TABLE IF EXISTS pj`;
      await sql`CREATE TABLE pj (id int PRIMARY KEY, t text, j jsonb)`;
      await attempt(
        'insert',
        async () => (await sql`INSERT INTO pj VALUES (1, ${'é'}, ${sql.json({ a: 1 })}) RETURNING *`)[0],
      );
      await attempt('duplicate', () => sql`INSERT INTO pj ${sql([{ id: 1, t: 'x' }])}`);
      await attempt('simple', async () => (await sql`SELECT 1 AS a; SELECT 2 AS b`.simple()).length);
      await attempt('described', async () => {
        const { types, columns } = await sql`SELECT id, t FROM pj WHERE id = ${1}`.describe();
        return { types, columns: columns.map(({ name, type }) => ({ name, type })) };
      });
      await attempt('transaction', () =>
        sql.begin(async (inside) => {
          await inside`INSERT INTO pj VALUES (2, 'two')`;
          await inside
            .savepoint((deeper) => deeper`SELECT 1/0`)
            .catch((error: { code: string }) => line('savepoint', error.code));
          return (await inside`SELECT count(*) FROM pj`)[0];
        }),
      );
      await attempt('rolled back', () =>
        sql.begin(async (inside) => {
          await inside`INSERT INTO pj VALUES (3, 'three')`;
          await inside`SELECT 1/0`;
        }),
      );
      await attempt('cursor', async () => {
        const sizes: number[] = [];
        await sql`SELECT generate_series(1, 25) AS n`.cursor(10, (rows) => void sizes.push(rows.length));
        return sizes;
      });
      await attempt('copied in', async () => {
        await pipeline(
          Readable.from(['10\tten\n', '11\televen\n']),
          await sql`COPY pj (id, t) FROM STDIN`.writable(),
        );
        return (await sql`SELECT count(*) FROM pj`)[0];
      });
      await attempt('copied out', async () => {
        const parts: Buffer[] = [];
        for await (const part of await sql`COPY (SELECT id, t FROM pj ORDER BY id) TO STDOUT`.readable())
          parts.push(part as Buffer);
        return Buffer.concat(parts).toString();
      });
      await attempt('pipelined', async () =>
        Promise.all([
          sql`SELECT 1 AS n`,
          sql`SELECT ${2}::int AS n`,
          sql`SELECT 1/0`.catch((e: { code: string }) => e.code),
        ]),
      );
      await attempt('cancelled', async () => {
        const sleeping = sql`SELECT pg_sleep(30)`.execute();
        setTimeout(() => sleeping.cancel(), 500);
        return sleeping;
      });
      await attempt('alive', async () => (await sql`SELECT 1 AS one`)[0]);
    } finally {
      await sql.end();
    }
  });
