import { approvalDigest } from '#libs/contracts/approval-digest.js';
import { writeTextBind } from '#libs/pg-wire/bind-message.js';
import { FLUSH, SYNC } from '#libs/pg-wire/bodyless-messages.js';
import { writeExecute } from '#libs/pg-wire/execute-message.js';
import { writeParse } from '#libs/pg-wire/parse-message.js';
import { writeQuery } from '#libs/pg-wire/query-message.js';
import { RawClient } from '../postgres/testing/raw-client.js';
import { TemporaryGateway } from '../postgres/testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start();
  const direct = await gateway.direct();
  await direct.query(`SET ROLE app;
    CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO once VALUES (1), (2);
    INSERT INTO numbers SELECT generate_series(1, 10)`);
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

/** Approves the next statement of this text, for at most so many rows. */
async function approve(text: string, maxRows: number): Promise<string> {
  const done = new Set(gateway.of('review.released').map((event) => event.requestId));
  const { binding, requestId, intentId } = await gateway.event(
    'review.asked',
    (event) =>
      Buffer.from(event.binding.statements[0]?.text ?? '', 'base64').toString() === text &&
      !done.has(event.requestId),
  );
  await gateway.decide({
    requestId: requestId as string,
    digest: approvalDigest(binding).toString('hex'),
    maxRows,
  });
  return intentId;
}

const outcomeOf = (intentId: string) =>
  gateway.event('statement.outcome-recorded', (event) => event.intentId === intentId);

async function numbers(): Promise<number> {
  const direct = await gateway.direct();
  const { rows } = await direct.query<{ n: number }>('SELECT sum(n)::int AS n FROM numbers');
  return rows[0]?.n as number;
}

const one = (sql: string): Buffer[] => [writeParse('', sql), writeTextBind('', '', []), writeExecute('')];

describe('a row ceiling', () => {
  const text = 'UPDATE numbers SET n = n + 0';

  it('that is kept changes nothing of what the client sees', async () => {
    const client = await raw();
    client.write(Buffer.concat([writeQuery(`${text} RETURNING n`)]));
    const intentId = await approve(`${text} RETURNING n`, 10);
    const rows = Array.from({ length: 10 }, (_, index) => `D:${index + 1}`);
    expect(withoutNotices(await client.untilReady())).toEqual(['T', ...rows, 'C:UPDATE 10', 'Z:I']);
    expect(await outcomeOf(intentId)).toMatchObject({ outcome: 'completed', rows: 10, tag: 'UPDATE 10' });
    client.write(writeQuery('SELECT 1'));
    expect(await client.untilReady()).toEqual(['T', 'D:1', 'C:SELECT 1', 'Z:I']);
    client.end();
  });

  it('that is exceeded rolls the statement back, and the session goes on', async () => {
    const client = await raw();
    const more = 'UPDATE numbers SET n = n + 100';
    client.write(writeQuery(more));
    const intentId = await approve(more, 9);
    expect(withoutNotices(await client.untilReady())).toEqual(['E:42501', 'Z:I']);
    expect(await outcomeOf(intentId)).toMatchObject({
      outcome: 'failed',
      sqlstate: '42501',
      reason: expect.stringMatching(/10 rows.*at most 9/),
    });
    expect(await numbers()).toBe(55);
    client.write(writeQuery('SELECT 1'));
    expect(await client.untilReady()).toEqual(['T', 'D:1', 'C:SELECT 1', 'Z:I']);
    client.end();
  });

  it('counts all statements of a message together, and takes all of them back', async () => {
    const client = await raw();
    const both = 'INSERT INTO numbers VALUES (1000); UPDATE numbers SET n = n + 1';
    client.write(writeQuery(both));
    await approve(both, 11);
    expect(withoutNotices(await client.untilReady())).toEqual(['C:INSERT 0 1', 'E:42501', 'Z:I']);
    expect(await numbers()).toBe(55);
    client.end();
  });

  it('inside a transaction fails the transaction, as any error does', async () => {
    const client = await raw();
    client.write(writeQuery('BEGIN'));
    await client.untilReady();
    client.write(writeQuery('INSERT INTO numbers VALUES (5)'));
    await client.untilReady();
    client.write(writeQuery(text));
    await approve(text, 3);
    expect(withoutNotices(await client.untilReady())).toEqual(['E:42501', 'Z:E']);
    client.write(Buffer.concat([writeQuery('SELECT 1'), writeQuery('COMMIT')]));
    expect(await client.untilReady()).toEqual(['E:25P02', 'Z:E']);
    expect(await client.untilReady()).toEqual(['C:ROLLBACK', 'Z:I']);
    expect(await numbers()).toBe(55);
    client.end();
  });

  it('inside a transaction that is kept leaves it open', async () => {
    const client = await raw();
    client.write(writeQuery('BEGIN'));
    await client.untilReady();
    const kept = 'UPDATE numbers SET n = n + 0 WHERE true';
    client.write(writeQuery(kept));
    await approve(kept, 10);
    expect(withoutNotices(await client.untilReady())).toEqual(['C:UPDATE 10', 'Z:T']);
    client.write(writeQuery('ROLLBACK'));
    expect(await client.untilReady()).toEqual(['C:ROLLBACK', 'Z:I']);
    client.end();
  });

  it('holds in the extended protocol, where everything up to Sync goes back with it', async () => {
    const client = await raw();
    const more = 'UPDATE numbers SET n = n + 7';
    client.write(
      Buffer.concat([...one('INSERT INTO numbers VALUES (6)'), ...one(more), ...one('SELECT 3'), SYNC]),
    );
    const intentId = await approve(more, 3);
    expect(withoutNotices(await client.untilReady())).toEqual([
      '1',
      '2',
      'C:INSERT 0 1',
      '1',
      '2',
      'E:42501',
      'Z:I',
    ]);
    expect(await outcomeOf(intentId)).toMatchObject({ outcome: 'failed', sqlstate: '42501' });
    expect(await numbers()).toBe(55);

    const fine = 'UPDATE numbers SET n = n + 0 WHERE n IS NOT NULL';
    client.write(Buffer.concat([...one(fine), FLUSH]));
    await approve(fine, 10);
    await client.take(1);
    client.write(Buffer.concat([...one('SELECT 3'), SYNC]));
    expect(withoutNotices(await client.untilReady()).slice(-5)).toEqual([
      '1',
      '2',
      'D:3',
      'C:SELECT 1',
      'Z:I',
    ]);
    client.end();
  });

  it("leaves the server's own errors as they are, at the statement and at its commit", async () => {
    const client = await raw();
    const failing = 'UPDATE numbers SET n = 1 / 0';
    client.write(writeQuery(failing));
    await approve(failing, 100);
    expect(withoutNotices(await client.untilReady())).toEqual(['E:22012', 'Z:I']);

    const late = 'UPDATE once SET n = 1';
    client.write(writeQuery(late));
    const intentId = await approve(late, 100);
    expect(withoutNotices(await client.untilReady())).toEqual(['E:23505', 'Z:I']);
    expect(await outcomeOf(intentId)).toMatchObject({ outcome: 'failed', sqlstate: '23505' });

    client.write(Buffer.concat([...one(failing), SYNC]));
    const done = new Set(gateway.of('review.asked').map((event) => event.id));
    const { binding, requestId } = await gateway.event('review.asked', (event) => !done.has(event.id));
    await gateway.decide({
      requestId: requestId as string,
      digest: approvalDigest(binding).toString('hex'),
      maxRows: 5,
    });
    // The planner finds it while it binds: the Execute is never reached.
    expect(withoutNotices(await client.untilReady())).toEqual(['1', 'E:22012', 'Z:I']);
    client.write(writeQuery('SELECT 1'));
    expect(await client.untilReady()).toEqual(['T', 'D:1', 'C:SELECT 1', 'Z:I']);
    client.end();
  });

  it('that cannot be kept runs nothing', async () => {
    const client = await raw();
    for (const one of ['ALTER TABLE numbers ADD COLUMN m int', 'BEGIN; DELETE FROM numbers; COMMIT']) {
      client.write(writeQuery(one));
      await approve(one, 1_000);
      expect(withoutNotices(await client.untilReady())).toEqual(['E:42501', 'Z:I']);
    }
    expect(await numbers()).toBe(55);
    client.end();
  });
});
