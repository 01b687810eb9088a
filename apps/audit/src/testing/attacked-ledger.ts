import type { Finding } from '#libs/ledger/verify/finding.js';
import { verifyLedger, type VerifyReport } from '#libs/ledger/verify/verify-ledger.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { eventBytes, recordAt, recordsFrom, testLedger, type TestLedger } from './test-ledger.js';

export const ENTRIES = 603;
/** The chain that is attacked: 602 entries, signed at sizes 0, 300 and 602. */
export const NAME = 'statements/0';
export const P0 = { topic: 'statements', partition: 0 } as const;
export const P1 = { topic: 'approvals', partition: 2 } as const;
export const OTHER_PRODUCER = '0198c5a0-0000-7000-8000-0000000000ab';

/** A ledger in the hands of somebody who has the whole database. */
export interface AttackedLedger {
  readonly ledger: TestLedger;
  readonly admin: PgClient;
  readonly trust: string;
  /** The number of the attacked chain in the tables. */
  readonly chain: number;
  run(text: string): Promise<void>;
  verify(trustFolder?: string): Promise<VerifyReport>;
  /** What is found beside the one gap the ledger has before anything is done to it. */
  findings(trustFolder?: string): Promise<Finding[]>;
  /** Runs an attack on the tables and puts everything back, whatever happens. */
  during(attack: () => Promise<void>, check: () => Promise<void>): Promise<void>;
  dispose(): Promise<void>;
}

export async function attackedLedger(): Promise<AttackedLedger> {
  const postgres = await temporaryPostgres({ fsync: 'off' });
  const ledger = await testLedger(postgres);
  await fill(ledger);
  const admin = await connectClient(ledger.adminUrl, 'attacker');
  const tables = (
    await admin.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'ledger' ORDER BY 1`,
    )
  ).rows.map(({ name }) => name);
  // What a superuser can always do, and what the triggers cannot prevent: switching them off.
  for (const table of tables) await admin.query(`ALTER TABLE ledger.${table} DISABLE TRIGGER ALL`);
  const trust = ledger.trustFolder;
  const run = async (text: string): Promise<void> => void (await admin.query(text));
  const verify = (trustFolder = trust): Promise<VerifyReport> =>
    verifyLedger({ url: ledger.adminUrl, trustFolder });
  return {
    ledger,
    admin,
    trust,
    chain: ledger.chains.find(({ name }) => name === NAME)?.chain as number,
    run,
    verify,
    findings: async (trustFolder) => {
      const report = await verify(trustFolder);
      const others = report.findings.filter(
        ({ kind, chain, seq }) => kind !== 'SOURCE_GAP' || chain !== NAME || seq !== 600,
      );
      if (others.length > 0) expect(report.verdict).toBe('TAMPERED');
      return others;
    },
    during: async (attack, check) => {
      for (const table of tables) await run(`CREATE TABLE public.saved_${table} AS TABLE ledger.${table}`);
      try {
        await attack();
        await check();
      } finally {
        for (const table of tables)
          await run(
            `BEGIN; TRUNCATE ledger.${table}; INSERT INTO ledger.${table} TABLE public.saved_${table};
             DROP TABLE public.saved_${table}; COMMIT`,
          );
      }
    },
    dispose: async () => {
      await admin.end();
      await ledger.close();
      await postgres.dispose();
    },
  };
}

/** So that every table has rows: full tiles, poison, an event without columns, a gap, which is sealed as 601. */
async function fill(ledger: TestLedger): Promise<void> {
  const ingest = ledger.ingest();
  await ingest.claim(P0);
  await ingest.claim(P1);
  // Records may be stored in pieces: nobody signs before all of them are there, so that the sizes are known.
  await signOnce(ledger);
  await ingest.handle(P0, recordsFrom(0, 300));
  await signOnce(ledger);
  const withoutColumns = {
    sessionId: undefined,
    identity: undefined,
    requestId: '0198c5a0-0000-7000-8000-0000000000dd',
  };
  await ingest.handle(P0, [
    ...recordsFrom(300, 298),
    recordAt(598, Buffer.from('poison')),
    recordAt(599, eventBytes(598, withoutColumns)),
    recordAt(600, eventBytes(607)),
  ]);
  await ingest.handle(P1, [recordAt(0, eventBytes(0, { producer: OTHER_PRODUCER }), 2, 'approvals')]);
  await signOnce(ledger);
}

async function signOnce(ledger: TestLedger): Promise<void> {
  const signer = await ledger.signer();
  await signer.start();
  await signer.stop();
}

/** Findings as texts, `<kind> <chain> <seq>`, each once. */
export const seen = (findings: readonly Finding[]): string[] => [
  ...new Set(findings.map(({ kind, chain, seq }) => `${kind} ${chain} ${seq ?? ''}`.trim())),
];
