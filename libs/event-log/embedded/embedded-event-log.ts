import type { Logger } from 'pino';
import { TOPIC_NAMES, TOPICS, type Topic } from '#libs/contracts/topics.js';
import { systemClock } from '#libs/kernel/clock.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import { FigureBook } from '../figure-book.js';
import type {
  EventLog,
  EventLogFigures,
  GroupOptions,
  Subscription,
  TailOptions,
  TopicPartition,
} from '../port.js';
import { SerialProducer } from '../serial-producer.js';
import { NEVER_TRIMMED } from '../topic-access.js';
import { Connection } from './connection.js';
import { EmbeddedBatchSender } from './embedded-batch-sender.js';
import { GroupMember, type GroupTimes } from './group-member.js';
import {
  listBounds,
  readBounds,
  readClusterId,
  readRecords,
  readTopics,
  trimStep,
  type ReadRecords,
} from './log-queries.js';
import { Notifications } from './notifications.js';
import { PartitionPoll } from './partition-poll.js';
import { ReadingLoop } from './reading-loop.js';

/** Records deleted in one transaction. */
const TRIM_RECORDS = 5_000;

const DEFAULT_TIMES: GroupTimes = { sessionTimeoutMs: 8_000, heartbeatMs: 1_000 };

/** The event log in tables of PostgreSQL (deploy/migrations/event-log). Open it with `openEmbedded`. */
export class EmbeddedEventLog implements EventLog {
  readonly kind = 'embedded';
  private readonly closers = new Set<() => Promise<void>>();
  private readonly notifications: Notifications;
  private readonly poll: PartitionPoll;
  private readonly book = new FigureBook();

  private constructor(
    readonly clusterId: string,
    private readonly topicIds: ReadonlyMap<string, string>,
    private readonly reader: Connection,
    private readonly options: {
      readonly url: string;
      readonly applicationName: string;
      readonly logger: Logger;
      readonly times: GroupTimes;
    },
  ) {
    this.notifications = new Notifications(options.url, `${options.applicationName} events`, options.logger);
    this.poll = new PartitionPoll(reader, () => this.notifications.isListening, options.logger);
  }

  /** Connects; throws EVENT_LOG_MISSING where the schema is not there. */
  static async open(options: {
    readonly url: string;
    readonly applicationName: string;
    readonly logger: Logger;
    readonly times?: GroupTimes;
  }): Promise<EmbeddedEventLog> {
    const reader = new Connection(options.url, `${options.applicationName} log reader`, undefined, 'bulk');
    try {
      const clusterId = await readClusterId(reader);
      const rows = await readTopics(reader);
      // Of the newest migration: an older schema is told now and not later.
      await listBounds(reader, []);
      const wrong = TOPIC_NAMES.find(
        (topic) => rows.find((row) => row.topic === topic)?.partitions !== TOPICS[topic].partitions,
      );
      if (wrong !== undefined) {
        throw new CodedError(
          'TOPIC_MISMATCH',
          `the embedded event log's topic "${wrong}" has not the ${TOPICS[wrong].partitions} partitions this version needs`,
        );
      }
      return new EmbeddedEventLog(clusterId, new Map(rows.map((row) => [row.topic, row.topic_id])), reader, {
        ...options,
        times: options.times ?? DEFAULT_TIMES,
      });
    } catch (cause) {
      await reader.close();
      const code = (cause as { code?: string }).code;
      if (code === '3F000' || code === '42883' || code === '42501') {
        throw new CodedError(
          'EVENT_LOG_MISSING',
          'DATABASE_URL: this database has no event log that this role may use (apply the migrations roles and event-log, and make the role a member of one service role)',
          { cause },
        );
      }
      throw cause;
    }
  }

  topicId(topic: Topic): string {
    const id = this.topicIds.get(topic);
    if (id === undefined) throw new CodedError('NO_SUCH_TOPIC', `there is no topic "${topic}"`);
    return id;
  }

  /** The migration makes the topics; open() has compared them. */
  async ensureTopics(): Promise<void> {}

  acknowledgingReplicas(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async producer(): Promise<SerialProducer> {
    const { url, applicationName, logger } = this.options;
    const connection = new Connection(url, `${applicationName} log producer`);
    const sender = new EmbeddedBatchSender(connection);
    try {
      await sender.open();
    } catch (error) {
      await connection.close();
      throw error;
    }
    const close = (): Promise<void> => producer.close();
    const producer = new SerialProducer(sender, logger, () => {
      this.closers.delete(close);
      this.book.removeProducer(producer);
    });
    this.closers.add(close);
    this.book.addProducer(producer);
    return producer;
  }

  async consume(options: GroupOptions): Promise<Subscription> {
    const { url, applicationName, logger, times } = this.options;
    const stop = (): Promise<void> => member.stop();
    const member = new GroupMember(options, {
      connection: new Connection(
        url,
        `${applicationName} group ${options.group}`,
        Math.max(times.sessionTimeoutMs / 2, 1_000),
      ),
      read: this.read,
      notifications: this.notifications,
      poll: this.poll,
      times,
      clock: systemClock,
      logger,
      onStopped: () => {
        this.closers.delete(stop);
        this.book.removeReader(member);
      },
    });
    this.closers.add(stop);
    this.book.addReader(member);
    return member;
  }

  async tail(options: TailOptions): Promise<Subscription> {
    const at: TopicPartition = { topic: options.topic, partition: options.partition };
    const bounds = await readBounds(this.reader, at);
    let next = options.from === 'start' ? bounds.first : options.from === 'end' ? bounds.next : options.from;
    let failed = false;
    let stopped = false;
    const fail = (error: Error): void => {
      if (failed) return;
      failed = true;
      void loop.stop();
      options.onFatal(error);
    };
    const loop = new ReadingLoop({
      at,
      read: this.read,
      poll: this.poll,
      logger: this.options.logger,
      onFatal: fail,
      position: {
        begin: () => Promise.resolve(next),
        take: async (records) => {
          for (const record of records) {
            if (failed || stopped) return false;
            try {
              await options.onRecord(record);
            } catch (error) {
              fail(error as Error);
              return false;
            }
            next = record.offset + 1n;
          }
          return true;
        },
      },
    });
    const unlisten = this.notifications.listen(`event_log_${options.topic}`, (partition) => {
      if (partition === '' || partition === String(options.partition)) loop.ring();
    });
    const figures = {
      figures: () => ({ group: `tail-${options.reader}`, rebalances: 0, partitions: [loop.figures()] }),
    };
    const stop = async (): Promise<void> => {
      stopped = true;
      unlisten();
      await loop.stop();
      this.closers.delete(stop);
      this.book.removeReader(figures);
    };
    this.closers.add(stop);
    this.book.addReader(figures);
    return { stop };
  }

  async endOffset(partition: TopicPartition): Promise<bigint> {
    return (await readBounds(this.reader, partition)).next;
  }

  async trim(partition: TopicPartition, below: bigint, keepMs: number): Promise<bigint> {
    if (NEVER_TRIMMED.includes(partition.topic)) return (await readBounds(this.reader, partition)).first;
    for (;;) {
      const { first, deleted } = await trimStep(this.reader, partition, below, keepMs, TRIM_RECORDS);
      if (deleted < TRIM_RECORDS) return first;
    }
  }

  figures(): EventLogFigures {
    return this.book.figures();
  }

  async close(): Promise<void> {
    await Promise.all([...this.closers].map((close) => close()));
    await this.poll.close();
    await this.notifications.close();
    await this.reader.close();
  }

  private readonly read = (at: TopicPartition, from: bigint): Promise<ReadRecords> =>
    readRecords(this.reader, at, from);
}
