import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import type { Topic } from '#libs/contracts/topics.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import { partitionKey } from '../partition-key.js';
import type { TopicPartition } from '../port.js';
import { whileUnsettled } from './while-unsettled.js';

export interface Bounds {
  /** The first offset that is still there. */
  readonly first: bigint;
  /** The offset the next record gets, at the least. */
  readonly next: bigint;
}

/** How far the partitions of a topic reach, as the broker says now. */
export class PartitionBounds {
  constructor(
    private readonly admin: Admin,
    private readonly topicName: (topic: Topic) => string,
  ) {}

  async ofTopic(topic: Topic): Promise<Map<number, Bounds>> {
    const offsets = await whileUnsettled(() => this.admin.fetchTopicOffsets(this.topicName(topic)));
    return new Map(
      offsets.map(({ partition, low, high }) => [partition, { first: BigInt(low), next: BigInt(high) }]),
    );
  }

  async of(at: TopicPartition): Promise<Bounds> {
    const bounds = (await this.ofTopic(at.topic)).get(at.partition);
    if (bounds === undefined)
      throw new CodedError('NO_SUCH_PARTITION', `the topic has no partition ${partitionKey(at)}`);
    return bounds;
  }

  /**
   * Throws OFFSET_GONE when the log begins behind the position, OFFSET_AHEAD when it ends before it.
   * A new leader may know its end a little late, so the latter is looked at again for 5 s.
   */
  async require(at: TopicPartition, position: bigint): Promise<void> {
    for (let look = 0; ; look += 1) {
      const { first, next } = await this.of(at);
      if (position < first) {
        throw new CodedError(
          'OFFSET_GONE',
          `offset ${position} of ${partitionKey(at)} is gone: the log begins at ${first}`,
        );
      }
      if (position <= next) return;
      if (look === 10) {
        throw new CodedError(
          'OFFSET_AHEAD',
          `offset ${position} of ${partitionKey(at)} does not exist: the log ends at ${next}`,
        );
      }
      await sleep(500);
    }
  }
}

/** Errors after which a reader must not go on. */
export const isPositionError = (error: unknown): boolean =>
  error instanceof CodedError && (error.code === 'OFFSET_GONE' || error.code === 'OFFSET_AHEAD');
