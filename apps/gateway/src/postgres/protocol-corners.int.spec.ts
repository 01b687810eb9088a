import { createHash } from 'node:crypto';
import { approvalDigest } from '#libs/contracts/approval-digest.js';
import { writeTextBind } from '#libs/pg-wire/bind-message.js';
import { SYNC } from '#libs/pg-wire/bodyless-messages.js';
import { writeExecute } from '#libs/pg-wire/execute-message.js';
import { int32, writeFrame } from '#libs/pg-wire/frame-writer.js';
import { writeFunctionCall } from '#libs/pg-wire/function-call-message.js';
import { Frontend } from '#libs/pg-wire/message-types.js';
import { writeParse } from '#libs/pg-wire/parse-message.js';
import { writeQuery } from '#libs/pg-wire/query-message.js';
import { RawClient } from './testing/raw-client.js';
import { TemporaryGateway } from './testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start({
    policy: `
version: 1
default: allow
rules:
  - { id: no-unlink, when: "'pg_catalog.lo_unlink' in statement.functions", effect: deny }
  - { id: ask-creat, when: "'pg_catalog.lo_create' in statement.functions", effect: review, reviewers: [{ group: dba, count: 1 }] }
  - { id: quiet, when: "'numbers' in statement.writes", effect: flag, redact: [literals, parameters] }
`,
  });
});
afterAll(() => gateway.dispose());

const raw = async (minor = 0): Promise<RawClient> =>
  RawClient.connect({
    port: gateway.gateway.port,
    ca: gateway.ca,
    user: 'alice',
    password: await gateway.token('alice'),
    database: 'shop',
    minor,
  });

/** The server's own oid of a function that is built in. */
async function oidOf(name: string): Promise<number> {
  const direct = await gateway.direct();
  const { rows } = await direct.query<{ oid: number }>('SELECT $1::regprocedure::oid AS oid', [name]);
  return rows[0]?.oid as number;
}

describe('the function call message', () => {
  it('runs, is judged and recorded by the name behind its oid, and returns what the server returns', async () => {
    const client = await raw();
    client.write(writeFunctionCall(await oidOf('int4pl(int,int)'), [int32(40), int32(2)]));
    expect(await client.untilReady()).toEqual(['V:0000002a', 'Z:I']);
    const { intent, outcome } = await gateway.outcomeOf('SELECT pg_catalog.int4pl($1, $2)');
    expect(intent).toMatchObject({
      protocol: 'function-call',
      statement: { kind: 'FUNCTION CALL', kinds: ['FUNCTION CALL', 'SELECT'] },
      parameters: [
        { type: 23, format: 1, bytes: 4, value: int32(40).toString('base64') },
        { type: 23, format: 1, bytes: 4, value: int32(2).toString('base64') },
      ],
    });
    expect(outcome.outcome).toBe('completed');
    client.end();
  });

  it('is refused where policy denies the function, and the session lives on', async () => {
    const client = await raw();
    client.write(writeFunctionCall(await oidOf('lo_unlink(oid)'), [int32(1)]));
    expect(await client.untilReady()).toEqual(['E:42501', 'Z:I']);
    client.write(writeFunctionCall(4_000_000_000, []));
    expect(await client.untilReady()).toEqual(['E:42883', 'Z:I']);
    client.write(writeQuery('SELECT 1'));
    expect(await client.untilReady()).toEqual(['T', 'D:1', 'C:SELECT 1', 'Z:I']);
    client.end();
  });

  it('is held where policy reviews the function, with its arguments bound', async () => {
    const client = await raw();
    client.write(writeFunctionCall(await oidOf('lo_create(oid)'), [int32(77_777)]));
    const { binding, requestId } = await gateway.event('review.asked');
    expect(binding).toMatchObject({
      protocol: 'function-call',
      statements: [
        {
          text: Buffer.from('SELECT pg_catalog.lo_create($1)').toString('base64'),
          parameters: [int32(77_777).toString('base64')],
          parameterFormats: [1],
        },
      ],
    });
    await gateway.decide({ requestId: requestId as string, digest: approvalDigest(binding).toString('hex') });
    const got = await client.untilReady();
    expect(got.slice(-2)).toEqual([`V:${int32(77_777).toString('hex')}`, 'Z:I']);
    client.end();
  });
});

describe('COPY', () => {
  it('is recorded with rows, bytes and the SHA-256 of its data, both ways', async () => {
    const client = await raw();
    client.write(writeQuery('CREATE TABLE copied (n int, t text)'));
    await client.untilReady();
    const lines = ['1\ta\n', '2\tb\n', `3\t${'c'.repeat(200_000)}\n`];
    client.write(writeQuery('COPY copied FROM STDIN'));
    client.write(Buffer.concat(lines.map((line) => writeFrame(Frontend.CopyData, Buffer.from(line)))));
    client.write(writeFrame(Frontend.CopyDone));
    expect(await client.untilReady()).toEqual(['G', 'C:COPY 3', 'Z:I']);
    client.write(writeQuery('COPY copied TO STDOUT'));
    await client.untilReady();
    const data = lines.join('');
    const sha256 = createHash('sha256').update(data).digest('hex');
    const came = await gateway.outcomeOf('COPY copied FROM STDIN');
    expect(came.outcome).toMatchObject({ rows: 3, copied: { direction: 'in', bytes: data.length, sha256 } });
    const went = await gateway.outcomeOf('COPY copied TO STDOUT');
    expect(went.outcome).toMatchObject({ rows: 3, copied: { direction: 'out', bytes: data.length, sha256 } });
    client.end();
  });
});

describe('protocol 3.2', () => {
  it('gives the cancel key its length, and the request with it stops the statement', async () => {
    const old = await raw();
    expect(old.greeting.find((message) => message.startsWith('K'))).toMatch(/^K:\d+:[0-9a-f]{8}$/);
    const client = await raw(2);
    const [, pid, secret] = /^K:(\d+):([0-9a-f]{64})$/.exec(
      client.greeting.find((message) => message.startsWith('K')) ?? '',
    ) as unknown as [string, string, string];
    client.write(writeQuery('SELECT pg_sleep(30)'));
    await gateway.event(
      'statement.intent-recorded',
      ({ statement }) => statement.text === 'SELECT pg_sleep(30)',
    );
    const direct = await gateway.direct();
    let waits = 0;
    while (waits === 0) {
      const { rows } = await direct.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)' AND state = 'active' AND pid <> pg_backend_pid()",
      );
      waits = rows[0]?.n as number;
    }
    await RawClient.cancel(gateway.gateway.port, Number(pid), Buffer.alloc(32));
    await RawClient.cancel(gateway.gateway.port, Number(pid), Buffer.from(secret, 'hex').subarray(0, 4));
    await RawClient.cancel(gateway.gateway.port, Number(pid), Buffer.from(secret, 'hex'));
    expect((await client.untilReady()).slice(-2)).toEqual(['E:57014', 'Z:I']);
    client.end();
    await client.untilClosed();
    // The key of a session that is over names nobody.
    await RawClient.cancel(gateway.gateway.port, Number(pid), Buffer.from(secret, 'hex'));
    old.end();
  });

  it('is what a client of a newer version is told, with the options nobody knows', async () => {
    const client = await raw(9_999);
    expect(client.greeting.at(-1)).toBe('Z:I');
    expect(client.greeting.find((message) => message.startsWith('K'))).toMatch(/:[0-9a-f]{64}$/);
    client.end();
  });
});

describe('a rule with redact', () => {
  it('keeps literals and parameters out of the record, and its SHA-256 in', async () => {
    const client = await raw();
    const text = "INSERT INTO numbers SELECT length('very private')";
    client.write(writeQuery(text));
    expect(await client.untilReady()).toEqual(['C:INSERT 0 1', 'Z:I']);
    client.write(
      Buffer.concat([
        writeParse('', 'INSERT INTO numbers VALUES ($1)'),
        writeTextBind('', '', ['424242']),
        writeExecute(''),
        SYNC,
      ]),
    );
    expect(await client.untilReady()).toEqual(['1', '2', 'C:INSERT 0 1', 'Z:I']);
    const sha256 = createHash('sha256').update(text).digest('hex');
    const first = await gateway.event(
      'statement.intent-recorded',
      ({ statement }) => statement.sha256 === sha256,
    );
    expect(first.statement.redacted).toEqual(['literals']);
    const second = await gateway.event(
      'statement.intent-recorded',
      ({ protocol, parameters }) => protocol === 'extended' && parameters?.length === 1,
    );
    expect(second.parameters).toEqual([{ type: 0, format: 0, bytes: 6 }]);
    expect(JSON.stringify(gateway.events)).not.toMatch(/very private|424242/);
    client.end();
  });
});
