import type { Admin } from 'kafkajs';
import { NEVER_TRIMMED, groupsOf } from '../topic-access.js';
import type { TopicPartition } from '../port.js';
import type { PartitionBounds } from './partition-bounds.js';
import { whileUnsettled } from './while-unsettled.js';

interface Parts {
  readonly admin: Admin;
  readonly bounds: PartitionBounds;
  /** With the installation's prefix in front. */
  readonly named: (name: string) => string;
}

/**
 * Deletes a partition's records below what audit has sealed, what every group has read by its committed
 * offsets (which its members commit after they have stored), and the first record appended since
 * `youngSince` (milliseconds since 1970). A group without an offset holds everything. Returns the first
 * offset that is left.
 */
export async function trimKafka(
  { admin, bounds, named }: Parts,
  at: TopicPartition,
  limit: { readonly below: bigint; readonly youngSince: number },
): Promise<bigint> {
  const { first } = await bounds.of(at);
  if (NEVER_TRIMMED.includes(at.topic) || limit.below <= first) return first;
  const topic = named(at.topic);
  let below = limit.below;
  for (const group of groupsOf(at.topic)) {
    const offsets = await whileUnsettled(() =>
      admin.fetchOffsets({ groupId: named(group), topics: [topic] }),
    );
    const offset = offsets[0]?.partitions.find(({ partition }) => partition === at.partition)?.offset;
    // -1 where the group never committed, or not for longer than the broker keeps offsets.
    below = smaller(below, BigInt(offset ?? -1));
  }
  const young = await whileUnsettled(() => admin.fetchTopicOffsetsByTimestamp(topic, limit.youngSince));
  below = smaller(below, BigInt(young.find(({ partition }) => partition === at.partition)?.offset ?? 0));
  if (below <= first) return first;
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: at.partition, offset: String(below) }] });
  return below;
}

const smaller = (one: bigint, other: bigint): bigint => (one < other ? one : other);
