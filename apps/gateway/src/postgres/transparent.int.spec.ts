import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Client } from 'pg';
import { writeTextBind as writeBind } from '#libs/pg-wire/bind-message.js';
import { Frontend } from '#libs/pg-wire/message-types.js';
import { writeExecute } from '#libs/pg-wire/execute-message.js';
import { writeParse } from '#libs/pg-wire/parse-message.js';
import { writeQuery } from '#libs/pg-wire/query-message.js';
import { FLUSH, SYNC } from '#libs/pg-wire/bodyless-messages.js';
import { cString, writeFrame } from '#libs/pg-wire/frame-writer.js';
import { eventually } from '#libs/testing/eventually.js';
import { RawClient } from './testing/raw-client.js';
import { TemporaryGateway } from './testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start({
    policy: `
version: 1
default: allow
rules:
  - { id: no-drop, when: "statement.kind == 'DROP TABLE'", effect: deny }
  - { id: hold-alter, when: "statement.kind == 'ALTER TABLE'", effect: review, reviewers: [{ group: dba, count: 1 }] }
`,
  });
});
afterAll(() => gateway.dispose());

const raw = async (): Promise<RawClient> =>
  RawClient.connect({
    port: gateway.gateway.port,
    ca: gateway.ca,
    user: 'alice',
    password: await gateway.token('alice'),
    database: 'shop',
  });

const copyIn = (text: string): Buffer => writeFrame(Frontend.CopyData, Buffer.from(text));
const COPY_DONE = writeFrame(Frontend.CopyDone);

describe('through the gateway', () => {
  it('messages may come in single bytes', async () => {
    const client = await raw();
    for (const byte of writeQuery("SELECT 'byte by byte' AS t")) client.write(Buffer.from([byte]));
    expect(await client.untilReady()).toEqual(['T', 'D:byte by byte', 'C:SELECT 1', 'Z:I']);
    client.end();
  });

  it('twenty queries in one packet are answered in order', async () => {
    const client = await raw();
    client.write(Buffer.concat(Array.from({ length: 20 }, (_, n) => writeQuery(`SELECT ${n}`))));
    for (let n = 0; n < 20; n += 1)
      expect(await client.untilReady()).toEqual(['T', `D:${n}`, 'C:SELECT 1', 'Z:I']);
    client.end();
  });

  it('a query of 3 MB in pieces, with the next one glued to it, is run and recorded whole', async () => {
    const client = await raw();
    const text = `SELECT length('${'x'.repeat(3_000_000)}')`;
    const bytes = Buffer.concat([writeQuery(text), writeQuery('SELECT 1')]);
    for (let at = 0; at < bytes.length; at += 1_000_003) client.write(bytes.subarray(at, at + 1_000_003));
    expect(await client.untilReady()).toEqual(['T', 'D:3000000', 'C:SELECT 1', 'Z:I']);
    expect(await client.untilReady()).toEqual(['T', 'D:1', 'C:SELECT 1', 'Z:I']);
    const intent = await gateway.event(
      'statement.intent-recorded',
      (event) => event.statement.bytes === text.length,
    );
    await eventually(() => {
      const chunks = gateway
        .of('statement.text-chunk-recorded')
        .filter((chunk) => chunk.sha256 === intent.statement.sha256);
      expect(chunks.map((chunk) => chunk.text).join('')).toBe(text);
    });
    client.end();
  });

  it('a text above the limit is refused without being sent, and the session lives on', async () => {
    const client = await raw();
    client.write(writeQuery(`SELECT '${'x'.repeat(16 * 1024 * 1024)}'`));
    expect(await client.untilReady()).toEqual(['E:54000', 'Z:I']);
    client.write(writeQuery('SELECT 1'));
    expect(await client.untilReady()).toEqual(['T', 'D:1', 'C:SELECT 1', 'Z:I']);
    client.end();
  });

  it('an answer after Flush comes without a Sync, and a portal goes on where it stopped', async () => {
    const client = await raw();
    client.write(
      Buffer.concat([
        writeParse('', 'SELECT generate_series(1, 3)'),
        writeBind('p', '', []),
        writeExecute('p', 2),
        FLUSH,
      ]),
    );
    expect(await client.take(5)).toEqual(['1', '2', 'D:1', 'D:2', 's']);
    client.write(Buffer.concat([writeExecute('p', 2), SYNC]));
    expect(await client.untilReady()).toEqual(['D:3', 'C:SELECT 1', 'Z:I']);
    const { intent } = await gateway.outcomeOf('SELECT generate_series(1, 3)');
    await eventually(() => {
      const runs = gateway
        .of('statement.intent-recorded')
        .filter((event) => event.statement.sha256 === intent.statement.sha256);
      const rows = runs.map(
        (run) => gateway.of('statement.outcome-recorded').find((event) => event.intentId === run.id)?.rows,
      );
      expect(rows).toEqual([2, 1]);
    });
    client.end();
  });

  it('after an error everything up to Sync is thrown away, a refusal of ours included', async () => {
    const client = await raw();
    for (const [text, code] of [
      ['SELECT 1/0', '22012'],
      ['DROP TABLE customers', '42501'],
    ] as const) {
      client.write(
        Buffer.concat([
          ...[`SELECT 1`, text, 'SELECT 3'].flatMap((one) => [
            writeParse('', one),
            writeBind('', '', []),
            writeExecute(''),
          ]),
          SYNC,
          writeQuery('SELECT 4'),
        ]),
      );
      const got = await client.untilReady();
      expect(got.filter((message) => /^[ECD]/.test(message))).toEqual(['D:1', 'C:SELECT 1', `E:${code}`]);
      expect(got.at(-1)).toBe('Z:I');
      expect(await client.untilReady()).toEqual(['T', 'D:4', 'C:SELECT 1', 'Z:I']);
    }
    client.end();
  });

  it('a name is never judged by a text that the server refused to give it', async () => {
    const client = await raw();
    // The name belongs to a statement that needs approval; giving it to a harmless one fails at the server.
    client.write(Buffer.concat([writeParse('s', 'ALTER TABLE customers ADD COLUMN sneaked int'), SYNC]));
    expect(await client.untilReady()).toEqual(['1', 'Z:I']);
    client.write(
      Buffer.concat([writeParse('s', 'SELECT 1'), SYNC, writeBind('', 's', []), writeExecute(''), SYNC]),
    );
    expect(await client.untilReady()).toEqual(['E:42P05', 'Z:I']);
    expect(await client.take(1)).toEqual([expect.stringMatching(/^N:.*held/)]);
    client.destroy();
    await gateway.event('review.cancelled', (event) => event.reason === 'client-gone');
    const direct = await gateway.direct();
    const { rows } = await direct.query(
      "SELECT 1 FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attname = 'sneaked'",
    );
    expect(rows).toEqual([]);
  });

  it('EXECUTE is judged by what it stands for, and an unknown name is 26000', async () => {
    const client = await gateway.connect();
    await client.query('PREPARE fine AS SELECT 7 AS n');
    expect((await client.query('EXECUTE fine')).rows).toEqual([{ n: 7 }]);
    const other = await raw();
    other.write(Buffer.concat([writeBind('', 'nobody', []), writeExecute(''), SYNC]));
    expect(await other.untilReady()).toEqual(['E:26000', 'Z:I']);
    other.end();
  });

  it('COPY goes both ways, with Sync sent ahead of the data', async () => {
    const client = await raw();
    client.write(writeQuery('TRUNCATE numbers'));
    await client.untilReady();
    client.write(
      Buffer.concat([
        writeParse('', 'COPY numbers FROM STDIN'),
        writeBind('', '', []),
        writeExecute(''),
        SYNC,
      ]),
    );
    expect(await client.take(3)).toEqual(['1', '2', 'G']);
    client.write(Buffer.concat([copyIn('1\n2\n'), SYNC, copyIn('3\n'), COPY_DONE, SYNC]));
    expect(await client.untilReady()).toEqual(['C:COPY 3', 'Z:I']);
    client.write(writeQuery('COPY numbers FROM STDIN; COPY numbers FROM STDIN'));
    expect(await client.take(1)).toEqual(['G']);
    client.write(Buffer.concat([copyIn('4\n'), COPY_DONE]));
    expect(await client.take(2)).toEqual(['C:COPY 1', 'G']);
    client.write(Buffer.concat([writeFrame(Frontend.CopyFail, cString('enough'))]));
    expect(await client.untilReady()).toEqual(['E:57014', 'Z:I']);
    client.write(
      Buffer.concat([copyIn('ignored'), writeQuery('COPY (SELECT n FROM numbers ORDER BY n) TO STDOUT')]),
    );
    expect(await client.untilReady()).toEqual(['H', 'd', 'd', 'd', 'c', 'C:COPY 3', 'Z:I']);
    client.end();
  });

  it('NOTIFY reaches a client that is idle', async () => {
    const listening = await gateway.connect();
    await listening.query('LISTEN news');
    const heard = new Promise<string | undefined>((resolve) =>
      listening.once('notification', ({ payload }) => resolve(payload)),
    );
    const client = await gateway.connect();
    await client.query("NOTIFY news, 'hello'");
    expect(await heard).toBe('hello');
  });

  it('a cancel request stops the statement it names, and a wrong key stops nothing', async () => {
    const client = await gateway.connect();
    const running = client.query('SELECT pg_sleep(20)').catch((error: { code: string }) => error.code);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await cancel(client, Buffer.alloc(4));
    await cancel(client);
    expect(await running).toBe('57014');
    const { outcome } = await gateway.outcomeOf('SELECT pg_sleep(20)');
    expect(outcome).toMatchObject({ outcome: 'cancelled', sqlstate: '57014' });
  });

  it('a target that ends the session says so itself, and nothing is added', async () => {
    const client = await raw();
    client.write(writeQuery('SELECT pg_backend_pid()'));
    const pid = (await client.untilReady())[1]?.slice(2);
    const direct = await gateway.direct();
    await direct.query('SELECT pg_terminate_backend($1)', [pid]);
    expect(await client.untilClosed()).toEqual(['E:57P01']);
  });

  it('psql runs the same script to the same transcript', async () => {
    const script = `\\set ECHO all
SELECT 1 AS one \\gdesc
BEGIN; CREATE TEMP TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'é'), (2, NULL); 
INSERT INTO t VALUES (1, 'twice');
SELECT * FROM t; ROLLBACK;
\\copy numbers TO STDOUT
SELECT $1::int + 1 \\bind 41 \\g
DO $$ BEGIN RAISE NOTICE 'from within'; END $$;
SET datestyle = 'German'; SELECT DATE '2026-11-21'; RESET ALL;
SELECT wrong FROM numbers;
SELECT 1; SELECT 2 \\; SELECT 3;
`;
    const file = `${gateway.scratch}/script.sql`;
    await writeFile(file, script);
    const run = async (environment: Record<string, string>): Promise<string> => {
      const { stdout, stderr } = await promisify(execFile)('psql', ['-X', '-f', file], {
        env: { PATH: process.env['PATH'] ?? '', ...environment },
      });
      return stdout + stderr;
    };
    if (!(await hasPsql())) return;
    const direct = await run({
      PGHOST: '127.0.0.1',
      PGPORT: String(gateway.postgres.port),
      PGUSER: 'app',
      PGPASSWORD: 'target-password',
      PGDATABASE: 'shop',
    });
    await writeFile(`${gateway.scratch}/ca.pem`, gateway.ca);
    const through = await run({
      PGHOST: 'localhost',
      PGHOSTADDR: '127.0.0.1',
      PGPORT: String(gateway.gateway.port),
      PGUSER: 'alice',
      PGPASSWORD: await gateway.token('alice'),
      PGDATABASE: 'shop',
      PGSSLMODE: 'verify-full',
      PGSSLROOTCERT: `${gateway.scratch}/ca.pem`,
    });
    expect(through).toBe(direct);
  });
});

const hasPsql = (): Promise<boolean> =>
  promisify(execFile)('psql', ['--version']).then(
    () => true,
    () => false,
  );

/** What pg does itself on cancel, with the key it was given or another. */
async function cancel(client: Client, secret?: Buffer): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const key = Buffer.alloc(4);
  key.writeInt32BE(secretKey);
  await RawClient.cancel(gateway.gateway.port, processID, secret ?? key);
}
