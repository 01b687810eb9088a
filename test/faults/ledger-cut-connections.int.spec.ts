import { openBulkPool, type BulkPool } from '#libs/postgres/bulk-pool.js';
import { verifyLedger } from '#libs/ledger/verify/verify-ledger.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { recordsFrom, testLedger, type TestLedger } from '../../apps/audit/src/testing/test-ledger.js';
import { cuttingProxy, type CuttingProxy, type Direction } from './cutting-proxy.js';

const P0 = { topic: 'statements', partition: 0 } as const;
const BATCH = 40;

let postgres: TemporaryPostgres;
let ledger: TestLedger;
let proxy: CuttingProxy;

beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
  ledger = await testLedger(postgres);
  const { hostname, port } = new URL(ledger.auditUrl);
  proxy = await cuttingProxy({ host: hostname, port: Number(port) });
}, 60_000);

afterAll(async () => {
  await proxy.close();
  await ledger.close();
  await postgres.dispose();
});

/** One connection, through the proxy. */
function cutPool(): BulkPool {
  const url = new URL(ledger.auditUrl);
  url.host = `127.0.0.1:${proxy.port}`;
  return openBulkPool(url.toString(), { size: 1, applicationName: 'cut', onIdleError: () => undefined });
}

let sealed = 0;

/** Appends a batch while the proxy is armed, then delivers again until it is stored. False: nothing was cut. */
async function appendThroughCut(
  direction: Direction,
  messages: number,
  isPrepared: boolean,
): Promise<boolean> {
  const pool = cutPool();
  try {
    const ingest = ledger.ingest({ query: pool.query });
    await ingest.claim(P0);
    if (isPrepared) {
      await ingest.handle(P0, recordsFrom(sealed, 1));
      sealed += 1;
    }
    const records = recordsFrom(sealed, BATCH);
    sealed += BATCH;
    proxy.arm(direction, messages);
    const outcome = await ingest.handle(P0, records).catch(() => 'failed');
    const cut = proxy.disarm();
    if (!cut) expect(outcome).toBe('stored');
    for (let attempt = 0; ; attempt += 1) {
      const from = await ingest.claim(P0).catch(() => undefined);
      if (from === BigInt(sealed)) return cut;
      if (attempt === 20) throw new Error('never stored');
      if (from !== undefined) await ingest.handle(P0, records).catch(() => 'failed');
    }
  } finally {
    await pool.close();
  }
}

async function expectClean(): Promise<void> {
  const signer = await ledger.signer();
  await signer.start();
  await signer.stop();
  expect(await verifyLedger({ url: ledger.adminUrl, trustFolder: ledger.trustFolder })).toEqual({
    verdict: 'OK',
    entries: sealed,
    findings: [],
  });
}

describe('a connection that is cut at a message of an append', () => {
  it.each<[Direction, string, boolean, number]>([
    ['request', 'on its way to PostgreSQL, the statement prepared', true, 4],
    ['request', 'on its way to PostgreSQL, the statement new', false, 5],
    ['answer', 'on its way back, the statement prepared', true, 4],
    ['answer', 'on its way back, the statement new', false, 5],
  ])(
    'loses nothing and stores nothing twice (%s: %s)',
    async (direction, _, isPrepared, least) => {
      let cuts = 0;
      while (await appendThroughCut(direction, cuts, isPrepared)) {
        cuts += 1;
        await expectClean();
      }
      await expectClean();
      // Every message of an append was cut once: at least those that the protocol needs.
      expect(cuts).toBeGreaterThanOrEqual(least);
    },
    240_000,
  );
});
