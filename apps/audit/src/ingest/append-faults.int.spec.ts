import { verifyLedger } from '#libs/ledger/verify/verify-ledger.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { recordsFrom, testLedger, type TestLedger } from '../testing/test-ledger.js';

const P0 = { topic: 'statements', partition: 0 } as const;

/** Every statement that changes something: sealing, claiming, publishing a checkpoint. */
type Write = 'ledger.append' | 'ledger.claim' | 'ledger.publish_checkpoint';
type Fate = 'persisted' | 'not persisted';

let postgres: TemporaryPostgres;
let ledger: TestLedger;

beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
  ledger = await testLedger(postgres);
}, 60_000);
afterAll(async () => {
  await ledger.close();
  await postgres.dispose();
});

/** A database whose nth write of a kind fails without an answer, whether it was done or not. */
function failing(write: Write, nth: number, fate: Fate): { query: BulkQuery; fired: () => boolean } {
  let seen = 0;
  return {
    query: async (text, values, name) => {
      if (!text.includes(write)) return ledger.pool.query(text, values, name);
      seen += 1;
      if (seen !== nth) return ledger.pool.query(text, values, name);
      if (fate === 'persisted') await ledger.pool.query(text, values, name);
      throw new Error('Connection terminated unexpectedly');
    },
    fired: () => seen >= nth,
  };
}

/** Entries that have to be there. */
let sealed = 0;

/** Delivers until everything is stored, as the event log does: after a failure from what is claimed next. */
async function deliver(query: BulkQuery, count: number, sizes: (done: number) => number): Promise<void> {
  const begin = sealed;
  const records = recordsFrom(begin, count);
  sealed += count;
  const ingest = ledger.ingest({ query });
  for (let failures = 0; failures < 5;) {
    try {
      let from = Number(await ingest.claim(P0));
      while (from < sealed) {
        const upTo = Math.min(sealed, from + sizes(from - begin));
        if ((await ingest.handle(P0, records.slice(from - begin, upTo - begin))) !== 'stored') break;
        from = upTo;
      }
      if (from >= sealed) return;
    } catch {
      failures += 1;
    }
  }
  throw new Error('never stored');
}

async function expectOnce(): Promise<void> {
  const signer = await ledger.signer();
  await signer.start();
  await signer.stop();
  const [row] = await ledger.pool.query<{ entries: string; offsets: string }>(
    `SELECT count(*)::text AS entries, count(DISTINCT source_offset)::text AS offsets FROM ledger.entries`,
  );
  expect(row).toEqual({ entries: String(sealed), offsets: String(sealed) });
  expect(await verifyLedger({ url: ledger.adminUrl, trustFolder: ledger.trustFolder })).toEqual({
    verdict: 'OK',
    entries: sealed,
    findings: [],
  });
}

/** A machine may be busy. */
const GENEROUS_MS = 180_000;

// Across the edges of tiles, and a delivery that becomes several transactions.
const COUNT = 300;
const DELIVERIES: readonly [string, (done: number) => number][] = [
  ['the same sizes', () => 90],
  ['one by one, then the rest', (done) => (done < 3 ? 1 : COUNT)],
  ['other sizes after the failure', (done) => [130, 1, 256, 7, 90][done % 5] as number],
];

describe.each<Fate>(['persisted', 'not persisted'])('a write that fails and was %s', (fate) => {
  it.each(
    DELIVERIES.flatMap(([name, sizes]) =>
      (['ledger.append', 'ledger.claim'] as const).flatMap((write) =>
        (write === 'ledger.claim' ? [1] : [1, 2, 3]).map((nth) => ({ name, sizes, write, nth })),
      ),
    ),
  )(
    'is made good by reading again: $write, number $nth, $name',
    async ({ sizes, write, nth }) => {
      const { query, fired } = failing(write, nth, fate);
      await deliver(query, COUNT, sizes);
      expect(fired()).toBe(true);
      await expectOnce();
    },
    GENEROUS_MS,
  );

  it(
    'is made good by looking again: ledger.publish_checkpoint',
    async () => {
      await expectOnce();
      await deliver(ledger.pool.query, 3, () => 3);
      const { query, fired } = failing('ledger.publish_checkpoint', 1, fate);
      const signer = await ledger.signer({ query });
      await expect(signer.start()).rejects.toMatchObject({ code: 'CANNOT_SIGN' });
      await signer.stop();
      expect(fired()).toBe(true);
      expect(signer.currentSize('statements/0')).toBe(BigInt(sealed));
      await expectOnce();
    },
    GENEROUS_MS,
  );
});
