import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from 'pino';
import type { Topic } from '#libs/contracts/topics.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { partitionKey } from '../partition-key.js';
import type { LogRecord, Subscription, TopicPartition } from '../port.js';
import { isPositionError, type PartitionBounds } from './partition-bounds.js';
import { KAFKA_RETRY } from './kafka-client.js';
import { withHeartbeats } from './with-heartbeats.js';

const PAUSE_MS = 300;
const HEARTBEAT_MS = 1_000;
const MAX_WAIT_MS = 150;
const STOP_WAITS_FOR_JOIN_MS = 3_000;

/** What is done with the partitions of a reader. */
export interface KafkaPosition {
  /** Where to begin to fetch after a join; read synchronously. */
  joinAt(at: TopicPartition): bigint;
  /** Before the first batch after a join: the next offset to take. A rejection is tried again. */
  begin(at: TopicPartition): Promise<bigint>;
  /** Takes records. True: resolved. False or a rejection: the position is no longer known, begin again. */
  take(at: TopicPartition, records: readonly LogRecord[]): Promise<boolean>;
}

export interface KafkaReaderOptions {
  readonly kafka: Kafka;
  readonly groupId: string;
  readonly topics: ReadonlyMap<string, Topic>;
  /** Reads this partition only; the others stay paused. */
  readonly only?: number;
  readonly position: KafkaPosition;
  readonly bounds: PartitionBounds;
  readonly sessionTimeoutMs: number;
  readonly onFatal: (error: Error) => void;
  readonly onStopped: () => void;
  readonly logger: Logger;
}

interface Claim {
  next: bigint;
  /** A seek to `next` was made: a later first offset is then a lawful hole. */
  sought: boolean;
}

/**
 * Reads partitions through a consumer of kafkajs, with positions that are not Kafka's: every join drops
 * what was known, the first batch of a partition asks for the position, and an offset counts as read
 * only when it was taken. Kafka's committed offsets are a hint for operators and never read.
 */
export class KafkaReader implements Subscription {
  private readonly consumer: Consumer;
  private readonly claims = new Map<string, Claim>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private joins = 0;
  private stopping: Promise<void> | undefined;
  private failed = false;
  private joined: () => void = () => undefined;
  /** Settles at the first join, or when there will be none. */
  readonly ready = new Promise<void>((resolve) => (this.joined = resolve));
  private settled: Promise<void> = this.ready;
  private settle: () => void = () => undefined;

  constructor(private readonly options: KafkaReaderOptions) {
    this.consumer = options.kafka.consumer({
      groupId: options.groupId,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: 10_000,
      heartbeatInterval: Math.min(HEARTBEAT_MS, options.sessionTimeoutMs / 3),
      minBytes: 1,
      maxWaitTimeInMs: MAX_WAIT_MS,
      maxBytesPerPartition: 2 * 1024 * 1024,
      allowAutoTopicCreation: false,
      retry: { ...KAFKA_RETRY, restartOnFailure: () => Promise.resolve(this.stopping === undefined) },
    });
  }

  get isStopping(): boolean {
    return this.stopping !== undefined;
  }

  /** Ends it for a reason of the caller's, as if the log had failed. */
  halt(error: Error): void {
    this.fail(error);
  }

  /** How often partitions were assigned. */
  get rebalances(): number {
    return this.joins;
  }

  positions(): ReadonlyMap<string, bigint> {
    return new Map([...this.claims].map(([key, { next }]) => [key, next]));
  }

  async start(): Promise<void> {
    const { consumer } = this;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.onJoin(payload));
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      this.claims.clear();
      if (restart) {
        this.settled = new Promise((resolve) => (this.settle = resolve));
        return;
      }
      this.settle();
      if (this.stopping === undefined) {
        this.fail(
          new CodedError('CONSUMER_CRASHED', `the consumer of Kafka stopped: ${messageOf(error)}`, {
            cause: error,
          }),
        );
      }
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...this.options.topics.keys()], fromBeginning: true });
    } catch (error) {
      await consumer.disconnect();
      throw error;
    }
    void consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 16,
      eachBatch: (payload) => this.eachBatch(payload),
    });
  }

  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    // In the middle of a join kafkajs cannot be stopped: it would carry on behind our back.
    await Promise.race([this.settled, sleep(STOP_WAITS_FOR_JOIN_MS, undefined, { ref: false })]);
    for (const timer of this.timers) clearTimeout(timer);
    await this.consumer.disconnect();
    this.joined();
    this.options.onStopped();
  }

  /** Synchronous: a seek after an await comes too late, a fetch from elsewhere is then under way. */
  private onJoin({ memberAssignment }: ConsumerGroupJoinEvent['payload']): void {
    this.joins += 1;
    this.claims.clear();
    for (const [name, partitions] of Object.entries(memberAssignment)) {
      const topic = this.options.topics.get(name);
      if (topic === undefined) continue;
      for (const partition of partitions) {
        if (this.options.only !== undefined && partition !== this.options.only)
          this.consumer.pause([{ topic: name, partitions: [partition] }]);
        else
          this.consumer.seek({
            topic: name,
            partition,
            offset: String(this.options.position.joinAt({ topic, partition })),
          });
      }
    }
    this.settle();
    this.joined();
  }

  private async eachBatch(payload: EachBatchPayload): Promise<void> {
    const topic = this.options.topics.get(payload.batch.topic);
    const { partition } = payload.batch;
    if (topic === undefined || this.stopping !== undefined || this.failed) return;
    if (this.options.only !== undefined && partition !== this.options.only) return;
    const at: TopicPartition = { topic, partition };
    const { joins } = this;
    let ok = false;
    const heartbeatFailure = await withHeartbeats(payload.heartbeat, HEARTBEAT_MS, async () => {
      try {
        ok = await this.takeBatch(at, payload);
      } catch (error) {
        if (isPositionError(error)) return this.fail(error as Error);
        this.options.logger.warn({ ...at, error: messageOf(error) }, 'reading the event log paused');
      }
    });
    if (!ok && joins === this.joins) {
      this.claims.delete(partitionKey(at));
      this.pause(payload);
    }
    // kafkajs rejoins the group on these; nothing is lost, the position is ours.
    if (heartbeatFailure !== undefined) throw heartbeatFailure;
    await payload.heartbeat();
  }

  /** True when the partition can go on: something was taken, skipped or sought. */
  private async takeBatch(at: TopicPartition, payload: EachBatchPayload): Promise<boolean> {
    const { joins } = this;
    const { batch } = payload;
    const claim = await this.claim(at);
    if (joins !== this.joins || this.stopping !== undefined) return true;
    if (BigInt(batch.highWatermark) < claim.next) await this.options.bounds.require(at, claim.next);
    const records = batch.messages.filter(({ offset }) => BigInt(offset) >= claim.next);
    const first = records[0];
    const behind = first !== undefined && BigInt(first.offset) > claim.next;
    // Kafka may leave holes, but a hole may also be what was trimmed away.
    if (behind) await this.options.bounds.require(at, claim.next);
    if (first === undefined || (behind && !claim.sought)) {
      claim.sought = true;
      this.seek(joins, batch.topic, at.partition, claim.next);
      return true;
    }
    const taken = await this.options.position.take(
      at,
      records.map((message) => toRecord(at, message)),
    );
    if (!taken) return false;
    const last = records.at(-1) as KafkaMessage;
    if (joins !== this.joins) return true;
    claim.next = BigInt(last.offset) + 1n;
    claim.sought = false;
    payload.resolveOffset(last.offset);
    this.commitHint(payload, batch.topic, at.partition, claim.next);
    return true;
  }

  private async claim(at: TopicPartition): Promise<Claim> {
    const known = this.claims.get(partitionKey(at));
    if (known !== undefined) return known;
    const { joins } = this;
    const next = await this.options.position.begin(at);
    await this.options.bounds.require(at, next);
    const claim: Claim = { next, sought: false };
    if (joins === this.joins) this.claims.set(partitionKey(at), claim);
    return claim;
  }

  private seek(joins: number, topic: string, partition: number, next: bigint): void {
    if (joins === this.joins) this.consumer.seek({ topic, partition, offset: String(next) });
  }

  /** For kafka-consumer-groups and the like; whether it arrives matters to nobody here. */
  private commitHint(payload: EachBatchPayload, topic: string, partition: number, next: bigint): void {
    if (this.options.only !== undefined) return;
    payload
      .commitOffsetsIfNecessary({
        topics: [{ topic, partitions: [{ partition, offset: String(next) }] }],
      })
      .catch((error: unknown) =>
        this.options.logger.debug({ error: messageOf(error) }, 'the lag hint was not stored'),
      );
  }

  private pause(payload: EachBatchPayload): void {
    const resume = payload.pause();
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      resume();
    }, PAUSE_MS);
    this.timers.add(timer);
  }

  private fail(error: Error): void {
    if (this.failed) return;
    this.failed = true;
    this.joined();
    this.options.onFatal(error);
    void this.stop().catch((reason: unknown) =>
      this.options.logger.warn({ error: messageOf(reason) }, 'the consumer of Kafka did not stop cleanly'),
    );
  }
}

const toRecord = (at: TopicPartition, message: KafkaMessage): LogRecord => ({
  ...at,
  offset: BigInt(message.offset),
  key: message.key,
  value: message.value,
  appendedAt: Number(message.timestamp),
  leaderEpoch:
    (message as { batchContext?: { partitionLeaderEpoch?: number } }).batchContext?.partitionLeaderEpoch ?? 0,
});
