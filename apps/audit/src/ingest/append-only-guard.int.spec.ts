import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { eventually } from '#libs/testing/eventually.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { recordsFrom, silent, testLedger, type TestLedger } from '../testing/test-ledger.js';
import { AppendOnlyGuard, checkAppendOnly } from './append-only-guard.js';

const P0 = { topic: 'statements', partition: 0 } as const;

let postgres: TemporaryPostgres;
let ledger: TestLedger;
let superuser: PgClient;

beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
  ledger = await testLedger(postgres);
  superuser = await connectClient(ledger.adminUrl, 'test');
}, 60_000);
afterAll(async () => {
  await superuser.end();
  await ledger.close();
  await postgres.dispose();
});

const found = async (): Promise<[string, string] | undefined> => {
  const finding = await checkAppendOnly(ledger.pool.query);
  return finding === undefined
    ? undefined
    : [finding.kind, finding.detail.replace(/^[A-Z_]+: [^:]+: | \(.*$/g, '')];
};

const ENTRIES = 'ledger.entries.append_only';

describe('the triggers of the ledger', () => {
  it.each([
    ['off', 'ALTER TABLE ledger.entries DISABLE TRIGGER append_only', 'APPEND_ONLY_OFF'],
    ['off with all others', 'ALTER TABLE ledger.entries DISABLE TRIGGER ALL', 'APPEND_ONLY_OFF'],
    [
      'on for replicas only',
      'ALTER TABLE ledger.entries ENABLE REPLICA TRIGGER append_only',
      'APPEND_ONLY_OFF',
    ],
    ['gone', 'DROP TRIGGER append_only ON ledger.entries', 'APPEND_ONLY_OFF'],
    [
      'made again without TRUNCATE',
      `DROP TRIGGER append_only ON ledger.entries;
       CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.entries
         FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
       ALTER TABLE ledger.entries ENABLE ALWAYS TRIGGER append_only`,
      'APPEND_ONLY_OFF',
    ],
    [
      'made again for one column',
      `DROP TRIGGER append_only ON ledger.entries;
       CREATE TRIGGER append_only BEFORE UPDATE OF seq OR DELETE OR TRUNCATE ON ledger.entries
         FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
       ALTER TABLE ledger.entries ENABLE ALWAYS TRIGGER append_only`,
      'APPEND_ONLY_OFF',
    ],
    [
      'made again with another function',
      `CREATE OR REPLACE FUNCTION public.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
       DROP TRIGGER append_only ON ledger.entries;
       CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entries
         FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
       ALTER TABLE ledger.entries ENABLE ALWAYS TRIGGER append_only`,
      'APPEND_ONLY_OFF',
    ],
    ['on, but not for replicas', 'ALTER TABLE ledger.entries ENABLE TRIGGER append_only', 'APPEND_ONLY_WEAK'],
  ])('are missed when one is %s', async (_, change, kind) => {
    expect(await found()).toBeUndefined();
    await superuser.query('BEGIN');
    await superuser.query(change);
    await superuser.query('COMMIT');
    expect(await found()).toEqual([kind, ENTRIES]);
    await superuser.query(`DROP TRIGGER IF EXISTS append_only ON ledger.entries;
      CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entries
        FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
      ALTER TABLE ledger.entries ENABLE ALWAYS TRIGGER append_only`);
    expect(await found()).toBeUndefined();
  });
});

describe('the guard', () => {
  it('halts sealing and signing while a trigger is off, and lets both go on afterwards', async () => {
    const findings: string[] = [];
    const guard = new AppendOnlyGuard({
      query: ledger.pool.query,
      logger: silent,
      intervalMs: 20,
      onFinding: (kind) => findings.push(kind),
    });
    await guard.start();
    const halted = (): string | undefined => guard.problem();
    const ingest = ledger.ingest({ halted });
    const signer = await ledger.signer({ intervalMs: 20, halted });
    await signer.start();
    await ingest.claim(P0);
    await ingest.handle(P0, recordsFrom(0, 3));
    await eventually(() => expect(signer.currentSize('statements/0')).toBe(3n));

    await superuser.query('ALTER TABLE ledger.tiles DISABLE TRIGGER append_only');
    await eventually(() => expect(guard.problem()).toContain('ledger.tiles.append_only'));
    await expect(ingest.handle(P0, recordsFrom(3, 3))).rejects.toMatchObject({ code: 'HALTED' });
    expect(ingest.problem()).toContain('APPEND_ONLY_OFF');
    await expect(ingest.claim(P0)).rejects.toMatchObject({ code: 'HALTED' });

    await superuser.query('ALTER TABLE ledger.tiles ENABLE ALWAYS TRIGGER append_only');
    await eventually(() => expect(guard.problem()).toBeUndefined());
    expect(await ingest.claim(P0)).toBe(3n);
    expect(await ingest.handle(P0, recordsFrom(3, 3))).toBe('stored');
    await eventually(() => expect(signer.currentSize('statements/0')).toBe(6n));
    await guard.stop();
    await signer.stop();
    expect(findings).toEqual(['APPEND_ONLY_OFF']);
  });

  it('does not start while a trigger is off', async () => {
    const guard = new AppendOnlyGuard({
      query: ledger.pool.query,
      logger: silent,
      intervalMs: 20,
      onFinding: () => undefined,
    });
    await superuser.query('ALTER TABLE ledger.chain_heads DISABLE TRIGGER only_forward');
    await expect(guard.start()).rejects.toMatchObject({ code: 'APPEND_ONLY_OFF' });
    await superuser.query('ALTER TABLE ledger.chain_heads ENABLE ALWAYS TRIGGER only_forward');
  });
});
