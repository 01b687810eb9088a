import type { Batch, KafkaMessage } from 'kafkajs';
import type { PartitionProgress } from '../partition-progress.js';
import type { LogRecord, TopicPartition } from '../port.js';
import type { Bounds, PartitionBounds } from './partition-bounds.js';

/** What is done with the partitions of a reader. */
export interface KafkaPosition {
  /** Where to begin to fetch after a join; read synchronously. */
  joinAt(at: TopicPartition): bigint;
  /** Before the first batch after a join: the next offset to take. A rejection is tried again. */
  begin(at: TopicPartition): Promise<bigint>;
  /** Takes records. True: resolved. False or a rejection: the position is no longer known, begin again. */
  take(at: TopicPartition, records: readonly LogRecord[]): Promise<boolean>;
}

interface Claim {
  next: bigint;
  /** A seek to `next` was made: a later first offset is then a lawful hole. */
  sought: boolean;
}

export interface IntakeOptions {
  readonly at: TopicPartition;
  readonly position: KafkaPosition;
  readonly bounds: PartitionBounds;
  readonly progress: PartitionProgress;
  /** Whether the partition is still this member's by the join that made the intake, and it may go on. */
  readonly isCurrent: () => boolean;
  /** Fetches from this offset on. */
  readonly seek: (next: bigint) => void;
  /** Everything below is stored. */
  readonly stored: (next: bigint) => void;
}

/** What one partition delivers from a join to the next: claimed lazily, each record taken once. */
export class PartitionIntake {
  private claimed: Claim | undefined;
  private claiming: Promise<Claim> | undefined;

  constructor(private readonly options: IntakeOptions) {}

  /** True when the partition can go on: something was taken, skipped or sought. Else the claim is dropped. */
  async take(batch: Batch, resolve: (lastOffset: string) => void): Promise<boolean> {
    let ok = false;
    try {
      ok = await this.takeFrom(batch, resolve);
    } finally {
      if (!ok) this.claimed = undefined;
    }
    return ok;
  }

  /**
   * Looks at a partition that may deliver nothing for long. Throws OFFSET_GONE or OFFSET_AHEAD: what was
   * trimmed away to its very end brings no batch that would tell.
   */
  async look(bounds: Bounds): Promise<void> {
    const { at, progress } = this.options;
    progress.looked(bounds.next);
    if (this.claimed === undefined) {
      if (bounds.first > 0n && bounds.first === bounds.next && this.options.isCurrent()) await this.claim();
    } else if (this.claimed.next < bounds.first) await this.options.bounds.require(at, this.claimed.next);
  }

  private async takeFrom(batch: Batch, resolve: (lastOffset: string) => void): Promise<boolean> {
    const { at, bounds, position, progress, isCurrent, seek, stored } = this.options;
    const claim = await this.claim();
    if (!isCurrent()) return true;
    if (BigInt(batch.highWatermark) < claim.next) await bounds.require(at, claim.next);
    const records = batch.messages.filter(({ offset }) => BigInt(offset) >= claim.next);
    const first = records[0];
    const behind = first !== undefined && BigInt(first.offset) > claim.next;
    // Kafka may leave holes, but a hole may also be what was trimmed away.
    if (behind) await bounds.require(at, claim.next);
    if (first === undefined || (behind && !claim.sought)) {
      claim.sought = true;
      if (isCurrent()) seek(claim.next);
      return true;
    }
    progress.delivering(Number(first.timestamp));
    const taken = await position.take(
      at,
      records.map((message) => toRecord(at, message)),
    );
    if (!taken) return false;
    const last = records.at(-1) as KafkaMessage;
    if (!isCurrent()) return true;
    claim.next = BigInt(last.offset) + 1n;
    claim.sought = false;
    progress.stands(claim.next);
    resolve(last.offset);
    stored(claim.next);
    return true;
  }

  private claim(): Promise<Claim> {
    if (this.claimed !== undefined) return Promise.resolve(this.claimed);
    this.claiming ??= this.begin().finally(() => (this.claiming = undefined));
    return this.claiming;
  }

  private async begin(): Promise<Claim> {
    const { at, position, bounds, progress } = this.options;
    const next = await position.begin(at);
    await bounds.require(at, next);
    progress.stands(next);
    return (this.claimed = { next, sought: false });
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
