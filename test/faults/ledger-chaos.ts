import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VerifyReport } from '#libs/ledger/verify/verify-ledger.js';
import type { TemporaryKafka } from '#libs/testing/temporary-kafka.js';
import { auditInstallation, type AuditInstallation, type AuditInstance } from './audit-instances.js';

const INSTANCES = 2;
const CATCH_UP_MS = 300_000;

export interface LedgerChaosPlan {
  readonly seconds: number;
  /** A broker of its own, to be killed as well; absent: the embedded event log. Disposed of at the end. */
  readonly broker?: TemporaryKafka | undefined;
}

export interface LedgerChaosResult {
  readonly faults: Readonly<Record<string, number>>;
  /** How often a chain was taken over. */
  readonly claims: number;
  readonly produced: number;
  readonly sealed: number;
  readonly missing: number;
  readonly twice: number;
  /** How often the ledger was verified while the faults went on; each time it had to be OK. */
  readonly verified: number;
  /** The first report that was not OK, else the last. */
  readonly report: VerifyReport;
}

/**
 * Two processes of audit while the world breaks: they are killed, stopped and woken, their connections cut
 * and, with a broker of its own, Kafka killed. After each fault, and at the end, the ledger has to verify; at
 * the end nothing may be lost and nothing sealed twice.
 */
export async function ledgerChaos({ seconds, broker: given }: LedgerChaosPlan): Promise<LedgerChaosResult> {
  let broker = given;
  const installation = await auditInstallation(
    broker === undefined ? {} : { KAFKA_BROKERS: broker.brokers, KAFKA_TOPIC_PREFIX: 'chaos.' },
  );
  try {
    const faults: Record<string, Fault> = { ...FAULTS };
    if (broker !== undefined)
      faults['broker killed'] = async () => {
        await broker?.kill();
        broker = await broker?.restart();
      };
    return await play(installation, faults, seconds);
  } finally {
    await installation.dispose();
    await broker?.dispose();
  }
}

async function play(
  installation: AuditInstallation,
  faults: Readonly<Record<string, Fault>>,
  seconds: number,
): Promise<LedgerChaosResult> {
  const instances: AuditInstance[] = [];
  for (let index = 0; index < INSTANCES; index += 1) instances.push(await installation.startInstance());
  let producing = true;
  const production = (async () => {
    while (producing) {
      await installation.produce(randomInt(1, 20));
      await sleep(randomInt(5, 60));
    }
  })();
  const counts: Record<string, number> = {};
  let verified = 0;
  let wrong: VerifyReport | undefined;
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until && wrong === undefined) {
    const name = pick(Object.keys(faults));
    counts[name] = (counts[name] ?? 0) + 1;
    await (faults[name] as Fault)(installation, instances, randomInt(instances.length));
    await sleep(randomInt(500, 6_000));
    const report = await installation.verify();
    verified += 1;
    // Nothing was signed before the first of them was up.
    if (report.verdict !== 'OK' && report.entries > 0) wrong = report;
  }
  producing = false;
  await production;
  const deadline = performance.now() + CATCH_UP_MS;
  while ((await installation.sealed()) < installation.produced() && performance.now() < deadline)
    await sleep(200);
  for (const instance of instances) instance.signal('SIGTERM');
  await Promise.all(instances.map(({ ended }) => ended));
  const { missing, twice, report } = await installation.account();
  const [claims] = await installation.admin.query<{ epochs: string }>(
    'SELECT sum(epoch)::text AS epochs FROM ledger.chain_heads',
  );
  return {
    faults: counts,
    claims: Number(claims?.epochs),
    produced: installation.produced(),
    sealed: report.entries,
    missing,
    twice,
    verified,
    report: wrong ?? report,
  };
}

type Fault = (installation: AuditInstallation, instances: AuditInstance[], index: number) => Promise<void>;

const FAULTS: Readonly<Record<string, Fault>> = {
  'kill -9': async (installation, instances, index) => {
    instances[index]?.signal('SIGKILL');
    await instances[index]?.ended;
    instances[index] = await installation.startInstance();
  },
  'rebalance by SIGTERM': async (installation, instances, index) => {
    instances[index]?.signal('SIGTERM');
    instances[index] = await installation.startInstance();
  },
  'stopped as a zombie': async (_, instances, index) => {
    instances[index]?.signal('SIGSTOP');
    await sleep(randomInt(1_000, 12_000));
    instances[index]?.signal('SIGCONT');
  },
  'connections cut': async ({ admin }) => {
    await admin
      .query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'countersign audit%'`,
      )
      .catch(() => undefined);
  },
};

function pick<T>(values: readonly T[]): T {
  return values[randomInt(values.length)] as T;
}
