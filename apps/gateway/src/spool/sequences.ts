import { partitionOf, TOPIC_NAMES, TOPICS, type Topic } from '#libs/contracts/topics.js';

/** A topic's partition as [topic, partition, next sequence], for a checkpoint. */
export type SequenceEntry = readonly [topic: Topic, partition: number, next: number];

const SLOT_OF_TOPIC = new Map<Topic, number>();
let slots = 0;
for (const topic of TOPIC_NAMES) {
  SLOT_OF_TOPIC.set(topic, slots);
  slots += TOPICS[topic].partitions;
}

/** The next sequence of each (topic, partition) of one producer: from 0, gapless. */
export class Sequences {
  private next: number[] = new Array<number>(slots).fill(0);
  private readonly lastKey = new Map<Topic, { key: string; partition: number }>();

  /** The partition of a key; remembers the last one, since statements all have one key. */
  partition(topic: Topic, key: string): number {
    const last = this.lastKey.get(topic);
    if (last?.key === key) return last.partition;
    const partition = partitionOf(topic, key);
    this.lastKey.set(topic, { key, partition });
    return partition;
  }

  peek(topic: Topic, partition: number): number {
    return this.next[slotOf(topic, partition)] as number;
  }

  take(topic: Topic, partition: number): void {
    const slot = slotOf(topic, partition);
    this.next[slot] = (this.next[slot] as number) + 1;
  }

  /** Undoes one take for this key; only for an event that nobody was told of. */
  giveBack(topic: Topic, key: string): void {
    const slot = slotOf(topic, this.partition(topic, key));
    this.next[slot] = (this.next[slot] as number) - 1;
  }

  snapshot(): readonly number[] {
    return this.next.slice();
  }

  restore(snapshot: readonly number[]): void {
    this.next = snapshot.slice();
  }
}

const slotOf = (topic: Topic, partition: number): number => (SLOT_OF_TOPIC.get(topic) as number) + partition;

/** The entries of a snapshot that are not 0. */
export function sequenceEntries(snapshot: readonly number[]): SequenceEntry[] {
  return TOPIC_NAMES.flatMap((topic) =>
    Array.from({ length: TOPICS[topic].partitions }, (_, partition): SequenceEntry => [
      topic,
      partition,
      snapshot[slotOf(topic, partition)] ?? 0,
    ]).filter(([, , next]) => next > 0),
  );
}

export function sequenceSnapshot(entries: readonly SequenceEntry[]): readonly number[] {
  const snapshot = new Array<number>(slots).fill(0);
  for (const [topic, partition, next] of entries) snapshot[slotOf(topic, partition)] = next;
  return snapshot;
}
