import type { Topic } from '#libs/contracts/topics.js';
import type { EventLog, RecordToAppend, TopicPartition } from '../port.js';

/** An empty event log for one test. */
export interface Installation {
  /** Opens it as one more process would. */
  open(): Promise<EventLog>;
  /** Removes what stands below the offset, as retention would. */
  trim(at: TopicPartition, below: bigint): Promise<void>;
  /** Closes what was opened and removes the rest. */
  dispose(): Promise<void>;
}

export const record = (topic: Topic, partition: number, value: string): RecordToAppend => ({
  topic,
  partition,
  key: `key-${partition}`,
  value: Buffer.from(value),
});

/** n records `prefix0` … of one partition. */
export const records = (topic: Topic, partition: number, prefix: string, n: number): RecordToAppend[] =>
  Array.from({ length: n }, (_, i) => record(topic, partition, `${prefix}${i}`));
