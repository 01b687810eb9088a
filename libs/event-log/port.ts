import type { Topic } from '#libs/contracts/topics.js';

/** A place in the log. Offsets start at 0, grow by at least 1 and may have holes on Kafka. */
export interface TopicPartition {
  readonly topic: Topic;
  readonly partition: number;
}

export interface RecordToAppend extends TopicPartition {
  readonly key: string;
  readonly value: Buffer;
}

export interface LogRecord extends TopicPartition {
  readonly offset: bigint;
  /** null where a foreign producer wrote none. */
  readonly key: Buffer | null;
  /** null where a foreign producer wrote none: sealed as a poison record, never skipped. */
  readonly value: Buffer | null;
  /** Milliseconds since 1970, as the log says. */
  readonly appendedAt: number;
  /** Kafka's leader epoch; 0 on the embedded log. */
  readonly leaderEpoch: number;
}

/**
 * Appends in order, exactly once for as long as it lives. Calls may overlap: they are queued, and what
 * has gathered goes out as one batch while the last is in flight; a batch is sent again, byte for byte,
 * until it is acknowledged.
 */
export interface EventLogProducer {
  /**
   * Resolves when every record is acknowledged by the log (Kafka: acks=all; embedded: committed).
   * Within a partition records stand in the order of the calls. Rejects with RECORD_TOO_LARGE before
   * anything is queued, with PRODUCER_FULL, safe to retry, when as much is queued as a producer holds
   * (64 MiB or 100 000 records; an empty one takes any call), and with PRODUCER_CLOSED when the producer was given up: then it is not known whether the records were
   * written, and a new producer may write them a second time (the event id tells).
   */
  append(records: readonly RecordToAppend[]): Promise<void>;
  /** Of keys and values that are not acknowledged. */
  readonly queuedBytes: number;
  /** Waits up to `drainMs` (default 0) for what is queued, then gives up and rejects the rest. */
  close(drainMs?: number): Promise<void>;
}

/**
 * What a member of a group does with its partitions. The handler owns position and fence: they live in
 * its own database, in the same transaction as what it stores.
 */
export interface PartitionHandler {
  /**
   * Called before the first batch after every assignment. Takes the partition over (bumps its epoch, so
   * that whoever held it before is fenced) and returns the next offset to read.
   */
  claim(partition: TopicPartition): Promise<bigint>;
  /**
   * Stores a batch: records in offset order, none below the claimed position. 'stored' only after
   * COMMIT. 'fenced': somebody else claimed the partition; the claim is dropped, nothing is resolved.
   * A rejection pauses the partition, drops the claim and delivers again.
   */
  handle(partition: TopicPartition, records: readonly LogRecord[]): Promise<'stored' | 'fenced'>;
}

export interface GroupOptions {
  readonly group: string;
  readonly topics: readonly Topic[];
  readonly handler: PartitionHandler;
  /**
   * Milliseconds for which records may gather while many come: then they are delivered in fewer, larger
   * batches. What comes alone, or waits already, is delivered at once. An adapter may always deliver sooner.
   */
  readonly gatherMs?: number;
  /** Called once when the consumer cannot go on (offset gone, crash without restart): exit the process. */
  readonly onFatal: (error: Error) => void;
}

export interface TailOptions extends TopicPartition {
  /** Names the reader in the log's own listings; not shared with anyone. */
  readonly reader: string;
  /** `end` is fixed before tail() resolves: every record appended after that is delivered. */
  readonly from: 'start' | 'end' | bigint;
  /** Called in order, one at a time; a rejection is fatal. */
  readonly onRecord: (record: LogRecord) => Promise<void> | void;
  readonly onFatal: (error: Error) => void;
}

export interface Subscription {
  /** Stops delivery; resolves when no handler is running any more. */
  stop(): Promise<void>;
}

/** How far one reader is behind in one partition. */
export interface PartitionFigures extends TopicPartition {
  /** Records that were appended and not yet stored, as of the last look (every few seconds). */
  readonly lag: number;
  /**
   * Since when the oldest of them waits, milliseconds since 1970; undefined where none does. The time it was
   * appended where it has been delivered, else when it was first seen to wait.
   */
  readonly waitingSince: number | undefined;
}

export interface GroupFigures {
  readonly group: string;
  readonly rebalances: number;
  readonly partitions: readonly PartitionFigures[];
}

/** Of the open producers and groups of this process; the counters also of those that are closed. */
export interface EventLogFigures {
  readonly queuedRecords: number;
  readonly queuedBytes: number;
  /** Attempts at a batch that failed and were made again. */
  readonly retries: number;
  readonly groups: readonly GroupFigures[];
}

/** The event log: two adapters that behave alike, Kafka and tables in PostgreSQL. */
export interface EventLog {
  readonly kind: 'kafka' | 'embedded';
  /** Names the cluster in the ledger's entries: Kafka's cluster id, or the embedded log's own UUID. */
  readonly clusterId: string;
  /** A name or id for the topic that stays when everything else moves; stands in the ledger's entries. */
  topicId(topic: Topic): string;
  /** Checks that every topic exists as contracts say, creates what is missing where allowed. */
  ensureTopics(): Promise<void>;
  producer(): Promise<EventLogProducer>;
  /** Joins a group; partitions are shared among its members and claimed lazily. */
  consume(options: GroupOptions): Promise<Subscription>;
  /** Reads one partition without a group. */
  tail(options: TailOptions): Promise<Subscription>;
  /** The offset the next record of the partition will get, at the least. */
  endOffset(partition: TopicPartition): Promise<bigint>;
  /**
   * Removes records of a partition for ever: below `below` (what audit has sealed), as far as every group
   * of topic-access.ts has read, and none appended in the last `keepMs` milliseconds. Resolves with the
   * first offset that is left. Topics that are kept for ever stay as they are. Audit's alone; it rejects
   * where the log does not allow it.
   */
  trim(partition: TopicPartition, below: bigint, keepMs: number): Promise<bigint>;
  /** What an operator watches, as of now. */
  figures(): EventLogFigures;
  /**
   * How many replicas hold a record at the least once its append has resolved (Kafka: min.insync.replicas,
   * the least of any topic). undefined where that is the business of the database below.
   */
  acknowledgingReplicas(): Promise<number | undefined>;
  /** Closes every producer, subscription and connection made here. */
  close(): Promise<void>;
}
