import path from 'node:path';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import { migrate } from '#libs/postgres/migrate.js';
import { eventually } from '#libs/testing/eventually.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { eventBytes, silent, testLedger, type TestLedger } from '../testing/test-ledger.js';
import { EventLogTrimmer } from './event-log-trimmer.js';

const AT = { topic: 'statements', partition: 1 } as const;

describe('trimming the event log', () => {
  let postgres: TemporaryPostgres;
  let ledger: TestLedger;

  beforeAll(async () => {
    postgres = await temporaryPostgres({ fsync: 'off' });
    ledger = await testLedger(postgres);
    await migrate(ledger.adminUrl, path.resolve('deploy/migrations'), ['event-log']);
  }, 60_000);

  afterAll(async () => {
    await ledger.close();
    await postgres.dispose();
  });

  it('removes what is sealed once it is old enough, as the service’s own role, and nothing before', async () => {
    const options = { applicationName: 'test', logger: silent, sessionTimeoutMs: 2_000 };
    const asOwner = await openEventLog({ kind: 'embedded', databaseUrl: ledger.adminUrl }, options);
    const log = await openEventLog({ kind: 'embedded', databaseUrl: ledger.auditUrl }, options);
    const producer = await asOwner.producer();
    const events = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ ...AT, key: 'k', value: eventBytes(from + i) }));
    await producer.append(events(0, 20));
    const trimmer = (keepMs: number): EventLogTrimmer =>
      new EventLogTrimmer({
        query: ledger.pool.query,
        log,
        chains: ledger.chains,
        keepMs,
        everyMs: 60_000,
        logger: silent,
      });
    const begins = async (): Promise<string> => {
      const [row] = await ledger.pool.query<{ first_offset: string }>(
        "SELECT first_offset::text FROM event_log.bounds('statements', 1)",
      );
      return row?.first_offset ?? '';
    };
    await trimmer(0).trimAll();
    expect(await begins()).toBe('0');
    const subscription = await log.consume({
      group: 'audit',
      topics: ['statements'],
      handler: ledger.ingest({ log }),
      onFatal: (error) => {
        throw error;
      },
    });
    await eventually(async () => {
      await trimmer(3_600_000).trimAll();
      expect(await begins()).toBe('0');
      await trimmer(0).trimAll();
      expect(await begins()).toBe('20');
    }, 20_000);
    await producer.append(events(20, 5));
    const count = (): Promise<{ n: number }[]> =>
      ledger.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM ledger.entries');
    await eventually(async () => expect(await count()).toEqual([{ n: 25 }]), 20_000);
    await subscription.stop();
    await log.close();
    await asOwner.close();
  }, 60_000);
});
