import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import type { Logger } from 'pino';
import type { Topic } from '#libs/contracts/topics.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { FigureBook } from '../figure-book.js';
import { partitionKey } from '../partition-key.js';
import type {
  EventLog,
  EventLogFigures,
  GroupOptions,
  Subscription,
  TailOptions,
  TopicPartition,
} from '../port.js';
import { SerialProducer } from '../serial-producer.js';
import type { KafkaSettings } from '../settings.js';
import { KafkaBatchSender } from './kafka-batch-sender.js';
import { kafkaClient } from './kafka-client.js';
import { KafkaReader } from './kafka-reader.js';
import { PartitionBounds } from './partition-bounds.js';
import { ensureKafkaTopics, leastInsyncReplicas } from './topic-check.js';
import { trimKafka } from './trim-kafka.js';

/** A broker that has just started is not ready to hand out producer ids for a while. */
const CONNECT_WITHIN_MS = 20_000;

interface Parts {
  readonly settings: KafkaSettings;
  readonly applicationName: string;
  readonly sessionTimeoutMs: number;
  /** What this process uses. */
  readonly topics: readonly Topic[];
  readonly logger: Logger;
}

const isLoginRefused = (error: unknown): boolean =>
  (error as { name?: string } | null)?.name === 'KafkaJSSASLAuthenticationError';

const isNotAllowed = (error: unknown): boolean =>
  (error as { type?: string } | null)?.type?.endsWith('_AUTHORIZATION_FAILED') === true;

/** The event log in Kafka, by kafkajs 2.2.4 and the rules that make it safe. Open it with `open`. */
export class KafkaEventLog implements EventLog {
  readonly kind = 'kafka';
  private readonly closers = new Set<() => Promise<void>>();
  private readonly bounds: PartitionBounds;
  private readonly book = new FigureBook();

  private constructor(
    readonly clusterId: string,
    private readonly kafka: Kafka,
    private readonly admin: Admin,
    private readonly parts: Parts,
  ) {
    this.bounds = new PartitionBounds(admin, this.topicName);
  }

  /** Connects; throws KAFKA_UNREACHABLE in one line. */
  static async open(parts: Parts): Promise<KafkaEventLog> {
    const kafka = kafkaClient(parts.settings, parts.applicationName, parts.logger);
    const admin = kafka.admin({ retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 6 } });
    try {
      await admin.connect();
      const { clusterId } = await admin.describeCluster();
      return new KafkaEventLog(clusterId, kafka, admin, parts);
    } catch (cause) {
      await admin.disconnect();
      const [why] = messageOf(cause).split('\n');
      const brokers = parts.settings.brokers.join(',');
      const line = isLoginRefused(cause)
        ? `KAFKA_SASL_MECHANISM: ${brokers} refused the login: ${why}`
        : `KAFKA_BROKERS: no answer from ${brokers}: ${why}`;
      throw new CodedError('KAFKA_UNREACHABLE', line, { cause });
    }
  }

  /** kafkajs does not learn Kafka's topic ids. */
  topicId(topic: Topic): string {
    return this.topicName(topic);
  }

  ensureTopics(): Promise<void> {
    return ensureKafkaTopics({
      admin: this.admin,
      topics: this.parts.topics,
      topicName: this.topicName,
      mayCreate: this.parts.settings.createTopics,
      logger: this.parts.logger,
    });
  }

  acknowledgingReplicas(): Promise<number> {
    return leastInsyncReplicas({ admin: this.admin, topics: this.parts.topics, topicName: this.topicName });
  }

  async producer(): Promise<SerialProducer> {
    const sender = new KafkaBatchSender(this.kafka, this.topicName);
    await this.connectSoon(() => sender.open());
    const close = (): Promise<void> => producer.close();
    const producer = new SerialProducer(sender, this.parts.logger, () => {
      this.closers.delete(close);
      this.book.removeProducer(producer);
    });
    this.closers.add(close);
    this.book.addProducer(producer);
    return producer;
  }

  async consume(options: GroupOptions): Promise<Subscription> {
    const lows = new Map<string, bigint>();
    for (const topic of options.topics) {
      for (const [partition, { first }] of await this.bounds.ofTopic(topic))
        lows.set(partitionKey({ topic, partition }), first);
    }
    return this.read({
      name: options.group,
      groupId: this.named(options.group),
      topics: this.namesOf(options.topics),
      onFatal: options.onFatal,
      position: {
        // From the beginning, so that the first batch comes, and with it the claim, wherever that stands.
        joinAt: (at) => lows.get(partitionKey(at)) ?? 0n,
        begin: (at) => options.handler.claim(at),
        take: async (at, records) => (await options.handler.handle(at, records)) === 'stored',
      },
    });
  }

  async tail(options: TailOptions): Promise<Subscription> {
    const at: TopicPartition = { topic: options.topic, partition: options.partition };
    const bounds = await this.bounds.of(at);
    let next = options.from === 'start' ? bounds.first : options.from === 'end' ? bounds.next : options.from;
    if (next < bounds.first || next > bounds.next) {
      await this.bounds.require(at, next).catch((error: Error) => options.onFatal(error));
      return { stop: () => Promise.resolve() };
    }
    let halted: Error | undefined;
    const reader = await this.read({
      name: `tail-${options.reader}`,
      groupId: this.named(`tail-${options.reader}-${randomUUID()}`),
      topics: this.namesOf([options.topic]),
      only: options.partition,
      onFatal: options.onFatal,
      position: {
        joinAt: () => next,
        begin: () => Promise.resolve(next),
        take: async (_, records) => {
          for (const record of records) {
            if (halted !== undefined || reader.isStopping) return false;
            try {
              await options.onRecord(record);
            } catch (error) {
              halted = error as Error;
              reader.halt(halted);
              return false;
            }
            next = record.offset + 1n;
          }
          return true;
        },
      },
    });
    await reader.ready;
    return reader;
  }

  async endOffset(partition: TopicPartition): Promise<bigint> {
    return (await this.bounds.of(partition)).next;
  }

  trim(partition: TopicPartition, below: bigint, keepMs: number): Promise<bigint> {
    return trimKafka(
      { admin: this.admin, bounds: this.bounds, named: (name) => this.named(name) },
      partition,
      {
        below,
        youngSince: Date.now() - keepMs,
      },
    );
  }

  figures(): EventLogFigures {
    return this.book.figures();
  }

  async close(): Promise<void> {
    await Promise.all([...this.closers].map((close) => close()));
    await this.admin.disconnect();
  }

  private async read(
    options: Pick<
      ConstructorParameters<typeof KafkaReader>[0],
      'name' | 'groupId' | 'topics' | 'only' | 'position' | 'onFatal'
    >,
  ): Promise<KafkaReader> {
    const stop = (): Promise<void> => reader.stop();
    const reader = new KafkaReader({
      ...options,
      kafka: this.kafka,
      bounds: this.bounds,
      sessionTimeoutMs: this.parts.sessionTimeoutMs,
      logger: this.parts.logger,
      onStopped: () => {
        this.closers.delete(stop);
        this.book.removeReader(reader);
      },
    });
    await reader.start();
    this.closers.add(stop);
    this.book.addReader(reader);
    return reader;
  }

  private async connectSoon(connect: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + CONNECT_WITHIN_MS;
    for (;;) {
      try {
        return await connect();
      } catch (error) {
        if (performance.now() > deadline || isLoginRefused(error) || isNotAllowed(error)) throw error;
        await sleep(300);
      }
    }
  }

  private named(name: string): string {
    return `${this.parts.settings.topicPrefix}${name}`;
  }

  private readonly topicName = (topic: Topic): string => this.named(topic);

  private namesOf(topics: readonly Topic[]): Map<string, Topic> {
    return new Map(topics.map((topic) => [this.topicName(topic), topic]));
  }
}
