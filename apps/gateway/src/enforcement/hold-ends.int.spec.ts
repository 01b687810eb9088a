import { int32 } from '#libs/pg-wire/frame-writer.js';
import { approvalDigest } from '#libs/contracts/approval-digest.js';
import { SYNC } from '#libs/pg-wire/bodyless-messages.js';
import { writeTextBind } from '#libs/pg-wire/bind-message.js';
import { writeExecute } from '#libs/pg-wire/execute-message.js';
import { writeParse } from '#libs/pg-wire/parse-message.js';
import { writeQuery } from '#libs/pg-wire/query-message.js';
import { RawClient } from '../postgres/testing/raw-client.js';
import { TemporaryGateway } from '../postgres/testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start({
    holdLimits: {
      outsideTransactionMs: 4_000,
      insideTransactionMs: 2_000,
      noticeEveryMs: 500,
      retryAnswerMs: 5_000,
    },
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

const withoutNotices = (messages: string[]): string[] =>
  messages.filter((message) => !message.startsWith('N:'));

const asked = (text: string) => gateway.event('review.asked', (event) => event.statement.text === text);

describe('a hold', () => {
  it('is announced again on schedule and ends by itself with 57014 and outcome cancelled', async () => {
    const client = await raw();
    const text = 'ALTER TABLE customers ADD COLUMN expired int';
    client.write(writeQuery(text));
    const got = await client.untilReady();
    expect(got.filter((message) => message.startsWith('N:')).length).toBeGreaterThan(3);
    expect(withoutNotices(got)).toEqual(['E:57014', 'Z:I']);
    const { outcome } = await gateway.outcomeOf(text);
    expect(outcome).toMatchObject({ outcome: 'cancelled', sqlstate: '57014' });
    await gateway.event('review.cancelled', (event) => event.reason === 'expired');
    client.write(writeQuery('SELECT 1'));
    expect(await client.untilReady()).toEqual(['T', 'D:1', 'C:SELECT 1', 'Z:I']);
    client.end();
  });

  it('ends within a second when it is cancelled', async () => {
    const client = await gateway.connect();
    const text = 'ALTER TABLE customers ADD COLUMN cancelled int';
    const result = client.query(text).catch((error: { code: string }) => error.code);
    await asked(text);
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const started = performance.now();
    await RawClient.cancel(gateway.gateway.port, processID, int32(secretKey));
    expect(await result).toBe('57014');
    expect(performance.now() - started).toBeLessThan(1_000);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await gateway.event('review.cancelled', (event) => event.reason === 'client-cancelled');
  });

  it('inside a transaction is capped, and its end fails the transaction', async () => {
    const client = await raw();
    const text = 'UPDATE customers SET name = upper(name)';
    client.write(
      Buffer.concat([writeQuery('BEGIN'), writeQuery('INSERT INTO numbers VALUES (1)'), writeQuery(text)]),
    );
    expect(await client.untilReady()).toEqual(['C:BEGIN', 'Z:T']);
    expect(await client.untilReady()).toEqual(['C:INSERT 0 1', 'Z:T']);
    const started = performance.now();
    expect(withoutNotices(await client.untilReady())).toEqual(['E:57014', 'Z:E']);
    expect(performance.now() - started).toBeLessThan(3_500);
    expect((await asked(text)).insideTransaction).toBe(true);
    client.write(Buffer.concat([writeQuery(text), writeQuery(`ROLLBACK; ${text}`), writeQuery('ROLLBACK')]));
    // In a failed transaction the server refuses by itself; together with its end it would run, so it does not go there.
    expect(await client.untilReady()).toEqual(['E:25P02', 'Z:E']);
    expect(await client.untilReady()).toEqual(['E:25P02', 'Z:E']);
    expect(await client.untilReady()).toEqual(['C:ROLLBACK', 'Z:I']);
    client.end();
  });

  it('in a pipeline holds what is behind it back, and what is before it stays', async () => {
    const client = await raw();
    const text = 'UPDATE numbers SET n = n + 1';
    const one = (sql: string): Buffer[] => [writeParse('', sql), writeTextBind('', '', []), writeExecute('')];
    client.write(
      Buffer.concat([
        ...one('INSERT INTO numbers VALUES (40)'),
        ...one(text),
        ...one('SELECT n FROM numbers'),
        SYNC,
      ]),
    );
    const { binding, requestId, insideTransaction } = await asked(text);
    expect(insideTransaction).toBe(true);
    await gateway.decide({ requestId: requestId as string, digest: approvalDigest(binding).toString('hex') });
    expect(withoutNotices(await client.untilReady())).toEqual([
      '1',
      '2',
      'C:INSERT 0 1',
      '1',
      '2',
      'C:UPDATE 1',
      '1',
      '2',
      'D:41',
      'C:SELECT 1',
      'Z:I',
    ]);
    client.end();
  });

  it('of a Bind without its Execute is refused', async () => {
    const client = await raw();
    client.write(Buffer.concat([writeParse('', 'DELETE FROM customers'), writeTextBind('c', '', []), SYNC]));
    expect(await client.untilReady()).toEqual(['1', 'E:0A000', 'Z:I']);
    client.end();
  });

  it('ends with 57P01 when the gateway stops; sessions are closed and everything is drained', async () => {
    const client = await raw();
    const idle = await raw();
    const text = 'ALTER TABLE customers ADD COLUMN stopped int';
    client.write(writeQuery(text));
    await asked(text);
    await gateway.stopGateway();
    expect(withoutNotices(await client.untilClosed())).toEqual(['E:57P01']);
    expect(await idle.untilClosed()).toEqual(['E:57P01']);
    await gateway.event('review.cancelled', (event) => event.reason === 'shutdown');
    const { outcome } = await gateway.outcomeOf(text);
    expect(outcome.outcome).toBe('cancelled');
    const open = gateway.of('session.opened').map((event) => event.sessionId);
    const closed = new Set(gateway.of('session.closed').map((event) => event.sessionId));
    expect(open.filter((id) => !closed.has(id))).toEqual([]);
    const ended = new Set(gateway.of('statement.outcome-recorded').map((event) => event.intentId));
    expect(gateway.of('statement.intent-recorded').filter((event) => !ended.has(event.id))).toEqual([]);
  });
});
