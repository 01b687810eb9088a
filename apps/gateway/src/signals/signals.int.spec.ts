import { createServer, type AddressInfo } from 'node:net';
import type pg from 'pg';
import { approvalDigest } from '#libs/contracts/approval-digest.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
import type { Signals } from '#libs/contracts/events/signals.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { TemporaryGateway } from '../postgres/testing/temporary-gateway.js';
import { Estimator } from './estimator.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start();
  const direct = await gateway.direct();
  await direct.query(`SET ROLE app; CREATE TABLE plain (a int, b text);
    INSERT INTO plain SELECT n, 'x' FROM generate_series(1, 200) n; ANALYZE plain; ANALYZE customers;
    CREATE TABLE pointed (a int); CREATE VIEW pointer AS SELECT a FROM pointed;
    CREATE FUNCTION mine(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END'`);
}, 240_000);
afterAll(() => gateway.dispose(), 120_000);

interface Asked {
  readonly signals: Signals;
  readonly detail: string;
  readonly event: EventOf<'review.asked'>;
}

/** What is measured of a statement that is held; then it is refused, or granted. */
async function measured(
  text: string,
  client: pg.Client,
  verdict: 'granted' | 'refused' = 'refused',
): Promise<Asked> {
  const notice = new Promise<string>((told) => {
    client.once('notice', (message) => told(message.detail ?? ''));
  });
  const ended = client.query(text).catch((error: unknown) => error);
  const event = await gateway.event('review.asked', ({ binding }) =>
    binding.statements.some((one) => Buffer.from(one.text, 'base64').toString() === text),
  );
  const detail = await notice;
  await gateway.decide({
    requestId: event.requestId as string,
    digest: approvalDigest(event.binding).toString('hex'),
    verdict,
    ...(verdict === 'refused' ? { reason: 'measured' } : {}),
  });
  const result = await ended;
  if (verdict === 'granted' && result instanceof Error) throw result;
  return { signals: event.signals as Signals, detail, event };
}

describe('what is measured before a statement is held', () => {
  it('is the planner’s estimate, its share of the table, and the notice says so', async () => {
    const { signals, detail } = await measured('UPDATE plain SET a = a', await gateway.connect());
    expect(signals).toMatchObject({ estimatedRows: 200, tableRows: 200, share: 1, reversible: 'no' });
    expect(signals).not.toHaveProperty('noEstimate');
    expect(detail).toMatch(/Estimate: about 200 rows of 200 \(100 %\)\./);
    expect(detail).toMatch(/cannot be undone/);
  });

  it('names columns that look like personal data in the notice', async () => {
    const { signals, detail } = await measured(
      "UPDATE customers SET email = 'a@b.example'",
      await gateway.connect(),
    );
    expect(signals.personalData).toEqual(['public.customers.email']);
    expect(detail).toContain('personal data, by their names: public.customers.email');
  });

  it.each([
    ['ALTER TABLE plain ADD COLUMN c int', /^EXPLAIN does not take ALTER TABLE$/],
    ['UPDATE plain SET a = 1 WHERE mine(a)', /mine/],
    ['UPDATE plain SET a = 1/0', /^EXPLAIN failed with SQLSTATE 22012$/],
  ])('is no estimate for %s, and the reason', async (text, reason) => {
    const { signals, detail } = await measured(text, await gateway.connect());
    expect(signals).toMatchObject({ estimatedRows: null, share: null });
    expect(signals.noEstimate).toMatch(reason);
    expect(detail).toContain(`No estimate: ${signals.noEstimate ?? ''}`);
  });

  it('is no estimate for tables that only the session sees', async () => {
    const client = await gateway.connect();
    await measured('CREATE TEMP TABLE passing (a int)', client, 'granted');
    const { signals } = await measured('DELETE FROM passing', client);
    expect(signals).toMatchObject({ estimatedRows: null, noEstimate: expect.stringMatching(/temporary/) });
  });

  it('is what the statement locks, and what its session holds while it waits', async () => {
    const client = await gateway.connect();
    await client.query('BEGIN');
    await client.query('UPDATE plain SET a = a WHERE a = 5');
    const { signals, detail } = await measured('ALTER TABLE customers ADD COLUMN locked int', client);
    expect(signals.locks).toEqual([{ relation: 'public.customers', mode: 'AccessExclusiveLock' }]);
    expect(signals.locksHeld).toContainEqual({ relation: 'public.plain', mode: 'RowExclusiveLock' });
    expect(detail).toContain('Locks: public.customers AccessExclusiveLock.');
    await client.query('ROLLBACK');
    const outside = await measured('ALTER TABLE customers ADD COLUMN unlocked int', client);
    expect(outside.signals.locksHeld).toEqual([]);
  });
});

describe('DDL is seen', () => {
  it('by other sessions, once the session that made it was answered', async () => {
    const [maker, other] = [await gateway.connect(), await gateway.connect()];
    const reads = async (): Promise<string[]> => {
      gateway.forget();
      await other.query('SELECT a FROM pointer WHERE a = 1');
      const { intent } = await gateway.outcomeOf('SELECT a FROM pointer WHERE a = 1');
      expect(intent.statement).not.toHaveProperty('incomplete');
      return intent.statement.reads ?? [];
    };
    expect(await reads()).toContain('public.pointed');
    await measured('ALTER TABLE pointed RENAME TO renamed', maker, 'granted');
    const after = await reads();
    expect(after).toContain('public.renamed');
    expect(after).not.toContain('public.pointed');
  });

  it('where it was made past the gateway, as soon as a name is not known', async () => {
    const direct = await gateway.direct();
    await direct.query('SET ROLE app; CREATE TABLE sudden (a int)');
    const client = await gateway.connect();
    await client.query('UPDATE sudden SET a = 1 WHERE a = 2');
    const { intent } = await gateway.outcomeOf('UPDATE sudden SET a = 1 WHERE a = 2');
    expect(intent.statement.writes).toContain('public.sudden');
    expect(intent.statement).not.toHaveProperty('incomplete');
  });
});

describe('a target that does not answer the estimator', () => {
  const target = (port: number): ConstructorParameters<typeof Estimator>[0] => ({
    name: 'shop',
    kind: 'postgres',
    environment: 'production',
    recording: 'strict',
    maxConnections: 1,
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: undefined,
    database: 'postgres',
    sslMode: 'disable',
    sslRootCert: undefined,
  });
  const query = { text: 'SELECT 1', parameters: [] };

  it('means no estimate, whether it is not there or says nothing', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined).resume());
    silent.listen(0, '127.0.0.1');
    await new Promise((listening) => silent.once('listening', listening));
    const { port } = silent.address() as AddressInfo;
    const why = { ok: false, why: 'the target did not answer EXPLAIN in time' };
    expect(await new Estimator(target(port), 'postgres').estimate('public', [query])).toEqual(why);
    await new Promise((closed) => silent.close(closed));
    const gone = new Estimator(target(port), 'postgres');
    expect(await gone.estimate('public', [query])).toEqual(why);
    expect(await gone.largest([1259])).toBeUndefined();
  }, 30_000);

  it('who comes while another asks gets none at once', async () => {
    const postgres = await temporaryPostgres();
    try {
      const admin = new URL(postgres.adminUrl());
      const estimator = new Estimator(
        { ...target(postgres.port), user: admin.username, password: decodeURIComponent(admin.password) },
        'postgres',
      );
      const [first, second] = await Promise.all([
        estimator.estimate('public', [query]),
        estimator.estimate('public', [query]),
      ]);
      expect(first).toEqual({ ok: true, rows: 1 });
      expect(second).toMatchObject({ ok: false, why: expect.stringMatching(/busy/) });
      estimator.close();
    } finally {
      await postgres.dispose();
    }
  }, 60_000);
});
