import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { findJava } from '#libs/embedded-kafka/java.js';
import { kafkaHome } from '#libs/embedded-kafka/kafka-home.js';
import { LedgerDouble } from '#libs/event-log/contract/ledger-double.js';
import { installKafka } from '#libs/event-log/kafka/kafka-installation.js';
import { temporaryKafka } from '#libs/testing/temporary-kafka.js';
import { readBack } from './read-back.js';
import { tally, type Tally } from './tally.js';

const CALLERS = 8;
const RECORDS_BETWEEN_KILLS = 400;

export interface KillResult extends Tally {
  readonly kills: number;
  /** What a consumer of the product stored meanwhile. */
  readonly consumed: number;
  /** From the broker's being ready again to the first record a consumer stored, longest, ms. */
  readonly slowestRecoveryMs: number;
  readonly sessionTimeoutMs: number;
  readonly reader: string;
}

/** Kills the broker with -9, again and again, while eight callers append and a consumer stores. */
export async function killBroker(kills: number): Promise<KillResult> {
  const sessionTimeoutMs = 3_000;
  let broker = await temporaryKafka({ java: await findJava(process.env), home: kafkaHome(process.env) });
  const installation = installKafka(
    { brokers: broker.brokers, sessionTimeoutMs, own: broker },
    pino({ level: 'silent' }),
  );
  try {
    const log = await installation.open();
    await log.ensureTopics();
    const producer = await log.producer();
    const ledger = new LedgerDouble();
    let storedAt = 0;
    const member = await log.consume({
      group: 'audit',
      topics: ['requests'],
      handler: ledger.member('a', () => void (storedAt = performance.now())),
      onFatal: (error) => {
        throw error;
      },
    });
    const acknowledged = new Map<string, number>();
    let running = true;
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      for (let i = 0; running; i += 1) {
        await producer.append([
          { topic: 'requests', partition: caller % 4, key: 'k', value: Buffer.from(`${caller}:${i}`) },
        ]);
        acknowledged.set(String(caller), i + 1);
      }
    });
    let slowestRecoveryMs = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      const before = ledger.total;
      while (ledger.total < before + RECORDS_BETWEEN_KILLS) await sleep(20);
      await broker.kill();
      broker = await broker.restart();
      const ready = performance.now();
      while (storedAt < ready && performance.now() - ready < 120_000) await sleep(20);
      slowestRecoveryMs = Math.max(slowestRecoveryMs, storedAt - ready);
    }
    running = false;
    await Promise.all(callers);
    const total = [...acknowledged.values()].reduce((sum, n) => sum + n, 0);
    const until = performance.now() + 60_000;
    while (ledger.total < total && performance.now() < until) await sleep(50);
    await member.stop();
    const { topicPrefix: prefix } = installation.settings;
    const { values, reader } = await readBack({ brokers: broker.brokers, prefix, log }, 'requests', 4);
    return {
      kills,
      consumed: ledger.total,
      slowestRecoveryMs: Math.round(slowestRecoveryMs),
      sessionTimeoutMs,
      reader,
      ...tally(acknowledged, values),
    };
  } finally {
    await installation.dispose();
    await broker.dispose();
  }
}
