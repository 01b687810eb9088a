import type { PartitionFigures, TopicPartition } from './port.js';

/** How far a reader is in one partition: told by whoever reads and whoever looks at the log's end. */
export class PartitionProgress {
  private next: bigint | undefined;
  private end: bigint | undefined;
  private deliveredAt: number | undefined;
  private behindSince: number | undefined;

  constructor(
    private readonly at: TopicPartition,
    private readonly now: () => number,
  ) {}

  /** Everything below is stored. Said again after a failure, it leaves what waits as it was. */
  stands(next: bigint): void {
    if (next !== this.next) {
      this.next = next;
      this.deliveredAt = undefined;
      this.behindSince = undefined;
    }
    this.reckon();
  }

  /** Records are being stored; the first of them was appended at this time. */
  delivering(appendedAt: number): void {
    this.deliveredAt = appendedAt;
  }

  /** The log ends before this offset. */
  looked(end: bigint): void {
    this.end = end;
    this.reckon();
  }

  figures(): PartitionFigures {
    const { topic, partition } = this.at;
    const lag = this.lag();
    const waitingSince = this.deliveredAt ?? (lag > 0 ? this.behindSince : undefined);
    return { topic, partition, lag, waitingSince };
  }

  private lag(): number {
    if (this.end === undefined || this.next === undefined) return 0;
    return this.end > this.next ? Number(this.end - this.next) : 0;
  }

  private reckon(): void {
    if (this.lag() === 0) this.behindSince = undefined;
    else this.behindSince ??= this.now();
  }
}
