import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { pino } from 'pino';
import { installKafka } from '#libs/event-log/kafka/kafka-installation.js';
import type { TcpProxy } from '#libs/testing/tcp-proxy.js';
import type { ProxiedKafka } from './proxied-kafka.js';
import { readBack } from './read-back.js';
import { tally, type Tally } from './tally.js';

const PRODUCE = 0;
/** Where the api key stands in a request (Kafka protocol, request header). */
const API_KEY_AT = 4;
const CALLERS = 8;
const RECORDS_A_CALL = 10;
const TOPIC = 'requests';

export type CutWhen = 'before the request' | 'after the answer';

export interface CutResult extends Tally {
  readonly cuts: number;
  /** Calls that were refused; only the control has any. */
  readonly failed: number;
  readonly reader: string;
}

type Send = (caller: number, values: readonly string[]) => Promise<void>;

/**
 * Cuts every nth Produce, before the broker hears it or after it answered, while eight callers send ten
 * records at a time, each after its last was acknowledged. `by`: the product's producer, or, as a control,
 * kafkajs' own idempotent producer with overlapping sends.
 */
export async function cutConnections(
  { broker, behindProxy, proxy }: ProxiedKafka,
  plan: {
    readonly when: CutWhen;
    readonly cuts: number;
    readonly by: 'us' | 'raw kafkajs';
    readonly every: number;
  },
): Promise<CutResult> {
  const logger = pino({ level: 'silent' });
  const installation = installKafka(
    { brokers: broker.brokers, sessionTimeoutMs: 3_000, own: broker },
    logger,
  );
  const { topicPrefix: prefix } = installation.settings;
  try {
    const log = await installation.open();
    await log.ensureTopics();
    const throughProxy = { ...installation.settings, brokers: [behindProxy] };
    let send: Send;
    let end: () => Promise<void>;
    if (plan.by === 'us') {
      const producer = await (await installation.openAt(throughProxy)).producer();
      send = (caller, values) =>
        producer.append(
          values.map((value) => ({
            topic: TOPIC,
            partition: caller % 4,
            key: 'k',
            value: Buffer.from(value),
          })),
        );
      end = () => producer.close();
    } else ({ send, end } = await rawProducer(behindProxy, `${prefix}${TOPIC}`));
    const cutter = new Cutter(proxy, plan.when, plan.every);
    const acknowledged = new Map<string, number>();
    let failed = 0;
    const deadline = performance.now() + 300_000;
    await Promise.all(
      Array.from({ length: CALLERS }, async (_, caller) => {
        for (let from = 0; cutter.cuts < plan.cuts && performance.now() < deadline; from += RECORDS_A_CALL) {
          const values = Array.from({ length: RECORDS_A_CALL }, (__, i) => `${caller}:${from + i}`);
          try {
            await send(caller, values);
            acknowledged.set(String(caller), from + RECORDS_A_CALL);
          } catch {
            // What a failed call sent is neither lost nor kept; the control's caller gives up here.
            failed += 1;
            return;
          }
        }
      }),
    );
    cutter.stop();
    await end();
    const { values, reader } = await readBack({ brokers: broker.brokers, prefix, log }, TOPIC, 4);
    return { cuts: cutter.cuts, failed, reader, ...tally(acknowledged, values) };
  } finally {
    await installation.dispose();
  }
}

class Cutter {
  cuts = 0;
  private sends = 0;
  private awaited = false;

  constructor(
    private readonly proxy: TcpProxy,
    when: CutWhen,
    every: number,
  ) {
    proxy.onRequest = (chunk) => {
      if (chunk.length < 6 || chunk.readInt16BE(API_KEY_AT) !== PRODUCE) return true;
      this.sends += 1;
      if (this.sends % every !== 0) return true;
      this.awaited = when === 'after the answer';
      if (!this.awaited) this.cuts += 1;
      return this.awaited;
    };
    proxy.onAnswer = () => {
      if (!this.awaited) return true;
      this.awaited = false;
      this.cuts += 1;
      return false;
    };
  }

  stop(): void {
    this.proxy.onRequest = () => true;
    this.proxy.onAnswer = () => true;
  }
}

async function rawProducer(
  brokers: string,
  topic: string,
): Promise<{ send: Send; end: () => Promise<void> }> {
  const client = new kafkajs.Kafka({
    clientId: `raw-${randomUUID()}`,
    brokers: [brokers],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 300, retries: Number.MAX_SAFE_INTEGER },
  });
  const producer = client.producer({
    idempotent: true,
    maxInFlightRequests: 5,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  return {
    send: async (caller, values) => {
      await producer.send({
        topic,
        acks: -1,
        messages: values.map((value) => ({ partition: caller % 4, key: 'k', value })),
      });
    },
    end: () => producer.disconnect(),
  };
}
