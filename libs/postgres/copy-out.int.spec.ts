import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { connectBulkReader } from './bulk-reader.js';
import { connectClient } from './client.js';
import { copyIn } from './copy-in.js';
import { copyOut } from './copy-out.js';

let postgres: TemporaryPostgres;
beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
}, 60_000);
afterAll(() => postgres.dispose());

/** Rows of one bytea column. */
async function rowsOf(batches: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const rows: Buffer[] = [];
  for await (const batch of batches)
    for (let at = 0; at < batch.length;) {
      expect(batch.readInt16BE(at)).toBe(1);
      const length = batch.readInt32BE(at + 2);
      rows.push(Buffer.from(batch.subarray(at + 6, at + 6 + length)));
      at += 6 + length;
    }
  return rows;
}

describe.each([
  ['a plain connection', connectClient],
  ['a connection for bulk reading', connectBulkReader],
])('copyOut over %s', (_, connect) => {
  it('gives every row whole and in order, small ones and such as fill several batches', async () => {
    const client = await connect(postgres.adminUrl(), 'test');
    const lengths = Array.from({ length: 3_000 }, (_each, index) =>
      index % 500 === 7 ? 2_500_000 : (index * 37) % 1_500,
    );
    const rows = await rowsOf(
      copyOut(
        client,
        `SELECT convert_to(repeat(chr(97 + (n % 26)::int), l), 'UTF8') FROM unnest('{${lengths.join(',')}}'::int[]) WITH ORDINALITY AS u(l, n) ORDER BY n`,
      ),
    );
    expect(rows.map(({ length }) => length)).toEqual(lengths);
    for (const [index, row] of rows.entries())
      expect(row.equals(Buffer.alloc(row.length, 97 + ((index + 1) % 26)))).toBe(true);
    // The connection goes on as if nothing had been.
    expect((await client.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(await rowsOf(copyOut(client, "SELECT ''::bytea WHERE false"))).toEqual([]);
    await client.end();
  }, 180_000);

  it('says what the server said, also in the middle', async () => {
    const client = await connect(postgres.adminUrl(), 'test');
    await expect(rowsOf(copyOut(client, 'SELECT nothing'))).rejects.toMatchObject({ code: '42703' });
    await expect(
      rowsOf(
        copyOut(
          client,
          "SELECT decode(to_char(1 / (5000 - n), 'FM00000000'), 'hex') FROM generate_series(1, 9000) AS n",
        ),
      ),
    ).rejects.toMatchObject({ code: '22012' });
    expect((await client.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await client.end();
  }, 180_000);

  it('rejects when the connection is cut', async () => {
    const client = await connect(postgres.adminUrl(), 'test');
    const admin = await connectClient(postgres.adminUrl(), 'test');
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const batches = copyOut(
      client,
      "SELECT repeat('x', 1000)::bytea FROM generate_series(1, 9999) AS a, generate_series(1, 9999) AS b",
    );
    await batches.next();
    await admin.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    await expect(
      (async () => {
        for (;;) if ((await batches.next()).done === true) return;
      })(),
    ).rejects.toThrow();
    await admin.end();
    await client.end().catch(() => undefined);
  }, 180_000);
});

describe('copyIn', () => {
  it('stores what copyOut gave', async () => {
    const from = await connectClient(postgres.adminUrl(), 'test');
    const to = await connectClient(postgres.adminUrl(), 'test');
    await to.query('CREATE TABLE stored (n int, bytes bytea)');
    const source = "SELECT n, repeat('y', n)::bytea AS bytes FROM generate_series(1, 3000) AS n";
    await copyIn(to, 'stored', copyOut(from, source));
    const { rows } = await to.query<{ same: boolean }>(
      `SELECT NOT EXISTS (${source} EXCEPT TABLE stored) AND count(*) = 3000 AS same FROM stored`,
    );
    expect(rows).toEqual([{ same: true }]);
    await expect(copyIn(to, 'stored', copyOut(from, 'SELECT 1'))).rejects.toMatchObject({ code: '22P04' });
    expect((await to.query('SELECT 1')).rows).toHaveLength(1);
    await from.end();
    await to.end();
  }, 180_000);
});
