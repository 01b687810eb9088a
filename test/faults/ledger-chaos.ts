// Two processes of audit while the world breaks: they are killed, stopped and woken, their connections cut
// and, with a broker of its own, Kafka killed. At the end nothing is lost, nothing twice, and the ledger verifies.
//   node dist/test/faults/ledger-chaos.js [seconds, default 120] [embedded | kafka, default embedded]
// Kafka needs its jars (npm run kafka, once) and Java; it starts and kills a broker of its own.
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { findJava } from '#libs/embedded-kafka/java.js';
import { kafkaHome } from '#libs/embedded-kafka/kafka-home.js';
import { temporaryKafka, type TemporaryKafka } from '#libs/testing/temporary-kafka.js';
import { auditInstallation, type AuditInstallation, type AuditInstance } from './audit-instances.js';

const seconds = Number(process.argv[2] ?? 120);
const kind = process.argv[3] ?? 'embedded';
const INSTANCES = 2;
const CATCH_UP_MS = 300_000;

let broker: TemporaryKafka | undefined =
  kind === 'kafka'
    ? await temporaryKafka({ java: await findJava(process.env), home: kafkaHome(process.env) })
    : undefined;
const installation: AuditInstallation = await auditInstallation(
  broker === undefined ? {} : { KAFKA_BROKERS: broker.brokers, KAFKA_TOPIC_PREFIX: 'chaos.' },
);
const counts: Record<string, number> = {};
let code = 1;
try {
  code = await play();
} finally {
  await installation.dispose();
  await broker?.dispose();
}
process.exit(code);

async function play(): Promise<number> {
  const instances: AuditInstance[] = [];
  for (let index = 0; index < INSTANCES; index += 1) instances.push(await installation.startInstance());
  let producing = true;
  const production = (async () => {
    while (producing) {
      await installation.produce(randomInt(1, 20));
      await sleep(randomInt(5, 60));
    }
  })();
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    const fault = pick(Object.keys(FAULTS));
    counts[fault] = (counts[fault] ?? 0) + 1;
    await (FAULTS[fault] as Fault)(instances, randomInt(instances.length));
    await sleep(randomInt(500, 6_000));
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
  process.stdout.write(
    `${JSON.stringify({
      kind,
      seconds,
      faults: counts,
      claims: Number(claims?.epochs),
      produced: installation.produced(),
      sealed: report.entries,
      missing,
      twice,
      verdict: report.verdict,
      findings: report.findings.slice(0, 10),
    })}\n`,
  );
  return missing === 0 && twice === 0 && report.verdict === 'OK' ? 0 : 1;
}

type Fault = (instances: AuditInstance[], index: number) => Promise<void>;

const FAULTS: Readonly<Record<string, Fault>> = {
  'kill -9': async (instances, index) => {
    instances[index]?.signal('SIGKILL');
    await instances[index]?.ended;
    instances[index] = await installation.startInstance();
  },
  'rebalance by SIGTERM': async (instances, index) => {
    instances[index]?.signal('SIGTERM');
    instances[index] = await installation.startInstance();
  },
  'stopped as a zombie': async (instances, index) => {
    instances[index]?.signal('SIGSTOP');
    await sleep(randomInt(1_000, 12_000));
    instances[index]?.signal('SIGCONT');
  },
  'connections cut': async () => {
    await installation.admin
      .query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'countersign audit%'`,
      )
      .catch(() => undefined);
  },
  ...(broker === undefined
    ? {}
    : {
        'broker killed': async () => {
          await broker?.kill();
          broker = await broker?.restart();
        },
      }),
};

function pick<T>(values: readonly T[]): T {
  return values[randomInt(values.length)] as T;
}
