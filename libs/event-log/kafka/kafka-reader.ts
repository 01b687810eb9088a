import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, Kafka } from 'kafkajs';
import type { Logger } from 'pino';
import type { Topic } from '#libs/contracts/topics.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { partitionKey } from '../partition-key.js';
import { PartitionProgress } from '../partition-progress.js';
import type { GroupFigures, Subscription, TopicPartition } from '../port.js';
import { isPositionError, type PartitionBounds } from './partition-bounds.js';
import { KAFKA_RETRY } from './kafka-client.js';
import { PartitionIntake, type KafkaPosition } from './partition-intake.js';

const PAUSE_MS = 300;
const HEARTBEAT_MS = 1_000;
const MAX_WAIT_MS = 150;
const STOP_WAITS_FOR_JOIN_MS = 3_000;
/** kafkajs fetches nothing while a handler of the last fetch runs: a slower one is waited for elsewhere. */
const SLOW_AFTER_MS = 100;
const LOOK_EVERY_MS = 3_000;

export interface KafkaReaderOptions {
  readonly kafka: Kafka;
  /** As operators know it. */
  readonly name: string;
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

interface Assigned {
  readonly at: TopicPartition;
  readonly intake: PartitionIntake;
  readonly progress: PartitionProgress;
}

/**
 * Reads partitions through a consumer of kafkajs, with positions that are not Kafka's: every join drops
 * what was known, the first batch of a partition asks for the position, and an offset counts as read
 * only when it was taken. Kafka's committed offsets are a hint: operators watch them, and trimming stays
 * below them; nobody begins to read there.
 */
export class KafkaReader implements Subscription {
  private readonly consumer: Consumer;
  private assigned = new Map<string, Assigned>();
  /** By partition, across joins: one handler at a time. */
  private readonly busy = new Map<string, Promise<boolean>>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly ended = new AbortController();
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

  figures(): GroupFigures {
    return {
      group: this.options.name,
      rebalances: this.joins,
      partitions: [...this.assigned.values()].map(({ progress }) => progress.figures()),
    };
  }

  async start(): Promise<void> {
    const { consumer } = this;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.onJoin(payload));
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      this.assigned = new Map();
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
    void this.lookAround();
  }

  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    this.ended.abort();
    // In the middle of a join kafkajs cannot be stopped: it would carry on behind our back.
    await Promise.race([this.settled, sleep(STOP_WAITS_FOR_JOIN_MS, undefined, { ref: false })]);
    for (const timer of this.timers) clearTimeout(timer);
    // While a handler runs the member stays, so that nobody takes its partition over.
    await Promise.all(this.busy.values());
    await this.consumer.disconnect();
    this.joined();
    this.options.onStopped();
  }

  /** Synchronous: a seek after an await comes too late, a fetch from elsewhere is then under way. */
  private onJoin({ memberAssignment }: ConsumerGroupJoinEvent['payload']): void {
    this.joins += 1;
    this.assigned = new Map();
    for (const [name, partitions] of Object.entries(memberAssignment)) {
      const topic = this.options.topics.get(name);
      if (topic === undefined) continue;
      for (const partition of partitions) {
        if (this.options.only !== undefined && partition !== this.options.only) {
          this.consumer.pause([{ topic: name, partitions: [partition] }]);
          continue;
        }
        const at: TopicPartition = { topic, partition };
        this.consumer.seek({
          topic: name,
          partition,
          offset: String(this.options.position.joinAt(at)),
        });
        this.assigned.set(partitionKey(at), this.assign(at, name));
      }
    }
    this.settle();
    this.joined();
  }

  private assign(at: TopicPartition, name: string): Assigned {
    const { joins } = this;
    const progress = new PartitionProgress(at, Date.now);
    const isCurrent = (): boolean => joins === this.joins && this.stopping === undefined && !this.failed;
    const intake = new PartitionIntake({
      at,
      position: this.options.position,
      bounds: this.options.bounds,
      progress,
      isCurrent,
      seek: (next) => this.consumer.seek({ topic: name, partition: at.partition, offset: String(next) }),
      stored: (next) => this.commitHint(name, at.partition, next),
    });
    return { at, intake, progress };
  }

  private async eachBatch(payload: EachBatchPayload): Promise<void> {
    const topic = this.options.topics.get(payload.batch.topic);
    const { partition } = payload.batch;
    if (topic === undefined || this.stopping !== undefined || this.failed) {
      payload.pause();
      return;
    }
    const key = partitionKey({ topic, partition });
    const assigned = this.assigned.get(key);
    if (assigned === undefined) return;
    const before = this.busy.get(key);
    if (before !== undefined) {
      // Of the assignment before this one: it is fenced as soon as somebody claims, so let it end first.
      const resume = payload.pause();
      void before.then(resume);
      return;
    }
    const work = this.work(assigned, payload);
    this.busy.set(key, work);
    void work.then(() => this.busy.delete(key));
    const slow = new AbortController();
    await Promise.race([
      work,
      sleep(SLOW_AFTER_MS, undefined, { signal: slow.signal }).then(
        () => {
          // The fetch loop goes on with the other partitions, and with it the heartbeats.
          const resume = payload.pause();
          void work.then((ok) => ok && resume());
        },
        () => undefined,
      ),
    ]);
    slow.abort();
    // A rejection makes kafkajs rejoin the group; nothing is lost, the position is ours.
    await payload.heartbeat();
  }

  /** Takes the batch; never rejects. False: the partition is paused, for a while or for good. */
  private async work({ at, intake }: Assigned, payload: EachBatchPayload): Promise<boolean> {
    const { joins } = this;
    let ok = false;
    try {
      ok = await intake.take(payload.batch, payload.resolveOffset);
    } catch (error) {
      if (isPositionError(error)) {
        payload.pause();
        this.fail(error as Error);
        return false;
      }
      this.options.logger.warn({ ...at, error: messageOf(error) }, 'reading the event log paused');
    }
    if (ok || joins !== this.joins) return true;
    this.pause(payload);
    return false;
  }

  /** For kafka-consumer-groups and for trimming; whether it arrives matters to nobody here. */
  private commitHint(topic: string, partition: number, next: bigint): void {
    if (this.options.only !== undefined) return;
    this.consumer
      .commitOffsets([{ topic, partition, offset: String(next) }])
      .catch((error: unknown) =>
        this.options.logger.debug({ error: messageOf(error) }, 'the lag hint was not stored'),
      );
  }

  /** Looks at the ends of the partitions every few seconds: for the lag, and for what is gone unread. */
  private async lookAround(): Promise<void> {
    const { signal } = this.ended;
    while (!signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      for (const topic of signal.aborted ? [] : this.options.topics.values()) {
        try {
          const bounds = await this.options.bounds.ofTopic(topic);
          for (const { at, intake } of [...this.assigned.values()]) {
            const found = at.topic === topic ? bounds.get(at.partition) : undefined;
            if (found !== undefined && !this.ended.signal.aborted) await intake.look(found);
          }
        } catch (error) {
          if (isPositionError(error)) return this.fail(error as Error);
          this.options.logger.debug({ topic, error: messageOf(error) }, 'could not look at the log’s end');
        }
      }
    }
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
