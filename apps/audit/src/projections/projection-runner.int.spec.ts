import { newId } from '#libs/kernel/uuid.js';
import { verifyLedger } from '#libs/ledger/verify/verify-ledger.js';
import type { BulkPool, BulkQuery } from '#libs/postgres/bulk-pool.js';
import { connectClient } from '#libs/postgres/client.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import {
  intentBytes,
  outcomeBytes,
  recordAt,
  silent,
  testLedger,
  type TestLedger,
} from '../testing/test-ledger.js';
import { changesProjection } from './changes/changes-projection.js';
import { ProjectionRunner } from './projection-runner.js';

const STATEMENTS = { topic: 'statements', partition: 0 } as const;

let postgres: TemporaryPostgres;
let ledger: TestLedger;
let payloadsRead: number;
let problems: (string | undefined)[];

beforeAll(async () => (postgres = await temporaryPostgres({ fsync: 'off' })), 60_000);
afterAll(() => postgres.dispose());
beforeEach(async () => {
  ledger = await testLedger(postgres);
  payloadsRead = 0;
  problems = [];
}, 60_000);
afterEach(() => ledger.close());

/** Counts the rows that queries on payloads answer with. */
const counting =
  (query: BulkQuery): BulkQuery =>
  async (text, values, name) => {
    const rows = await query<never>(text, values, name);
    if (text.includes('ledger.payloads')) payloadsRead += rows.length;
    return rows;
  };

function newRunner(): ProjectionRunner {
  const pool: BulkPool = {
    query: counting(ledger.pool.query),
    transaction: (work) => ledger.pool.transaction((query) => work(counting(query))),
    close: () => Promise.resolve(),
  };
  return new ProjectionRunner({
    pool,
    projection: changesProjection,
    chains: ledger.chains,
    logger: silent,
    intervalMs: 1_000,
    onStopped: (_, problem) => problems.push(problem),
  });
}

/** Seals what is given in batches, as told to the runner; returns what seals on. */
async function sealing(runner: ProjectionRunner): Promise<(...events: Buffer[]) => Promise<void>> {
  const ingest = ledger.ingest({ onSealed: (chain, entries) => runner.sealed(chain, entries) });
  let offset = Number(await ingest.claim(STATEMENTS));
  return async (...events) => {
    const records = events.map((value) => recordAt(offset++, value));
    expect(await ingest.handle(STATEMENTS, records)).toBe('stored');
  };
}

async function verified(): Promise<void> {
  const signer = await ledger.signer();
  await signer.start();
  await signer.stop();
  const report = await verifyLedger({ url: ledger.adminUrl, trustFolder: ledger.trustFolder });
  expect(report).toMatchObject({ verdict: 'OK', findings: [] });
}

const registered = async (): Promise<unknown[]> =>
  ledger.pool.query('SELECT seq::int, outcome FROM projections.changes_v1 ORDER BY seq');
const position = async (): Promise<unknown> =>
  (await ledger.pool.query<{ next: number }>('SELECT next_seq::int AS next FROM projections.positions'))[0]
    ?.next;

describe('the runner of a projection', () => {
  it('reads of what this process sealed only what concerns the register', async () => {
    const runner = newRunner();
    const seal = await sealing(runner);
    const [read, write, later] = [newId(), newId(), newId()];
    await seal(intentBytes(0, read, 'read'), intentBytes(1, write, 'write'), outcomeBytes(2, read));
    await runner.catchUp();
    expect([await position(), payloadsRead]).toEqual([3, 1]);
    await seal(intentBytes(3, later, 'read'));
    await seal(outcomeBytes(4, write), outcomeBytes(5, later));
    await runner.catchUp();
    expect([await position(), payloadsRead]).toEqual([6, 2]);
    expect(await registered()).toEqual([{ seq: 1, outcome: 'completed' }]);
    await verified();
  }, 60_000);

  it('goes on from the ledger where an earlier process ended, statements under way included', async () => {
    const first = newRunner();
    const sealFirst = await sealing(first);
    const [read, write] = [newId(), newId()];
    await sealFirst(intentBytes(0, read, 'read'), intentBytes(1, write, 'write'));
    await first.catchUp();
    await sealFirst(intentBytes(2, newId(), 'ddl'));
    const second = newRunner();
    const seal = await sealing(second);
    await seal(outcomeBytes(3, read), outcomeBytes(4, write));
    await second.catchUp();
    expect(await position()).toBe(5);
    expect(await registered()).toEqual([
      { seq: 1, outcome: 'completed' },
      { seq: 2, outcome: null },
    ]);
    await verified();
  }, 60_000);

  it('leaves what another process has projected meanwhile, and says of nothing that it stands still', async () => {
    const [behind, ahead] = [newRunner(), newRunner()];
    const seal = await sealing(behind);
    await seal(intentBytes(0, newId(), 'write'));
    await Promise.all([behind.catchUp(), ahead.catchUp()]);
    await seal(intentBytes(1, newId(), 'read'));
    await ahead.catchUp();
    await seal(intentBytes(2, newId(), 'write'));
    await Promise.all([behind.catchUp(), ahead.catchUp()]);
    await behind.catchUp();
    expect(await position()).toBe(3);
    expect(await registered()).toHaveLength(2);
    expect(problems).toEqual([]);
    await verified();
  }, 60_000);

  it('begins again from the ledger where its rows and its position were taken away', async () => {
    const runner = newRunner();
    const seal = await sealing(runner);
    await seal(intentBytes(0, newId(), 'write'), intentBytes(1, newId(), 'read'));
    await runner.catchUp();
    const admin = await connectClient(ledger.adminUrl, 'test');
    await admin.query('DELETE FROM projections.positions; DELETE FROM projections.changes_v1');
    await admin.end();
    await seal(intentBytes(2, newId(), 'write'));
    await runner.catchUp();
    expect(await position()).toBe(3);
    expect(await registered()).toHaveLength(2);
    await verified();
  }, 60_000);

  it('stops at a record that could not be read, and goes on when an operator has passed over it', async () => {
    const runner = newRunner();
    const seal = await sealing(runner);
    await seal(intentBytes(0, newId(), 'read'), Buffer.from('{'), intentBytes(1, newId(), 'write'));
    await runner.catchUp();
    expect([await position(), problems]).toEqual([1, [expect.stringContaining('entry 1')]]);
    const admin = await connectClient(ledger.adminUrl, 'test');
    await admin.query(
      `INSERT INTO projections.passed_over
       SELECT 'changes_v1', chain, 1, 'carol', 'seen' FROM ledger.chains WHERE name = 'statements/0'`,
    );
    await admin.end();
    await runner.catchUp();
    expect([await position(), problems.at(-1)]).toEqual([3, undefined]);
    expect(await registered()).toEqual([{ seq: 2, outcome: null }]);
  }, 60_000);
});
