/** A segment on the disk. */
export interface SegmentEntry {
  readonly number: number;
  readonly file: string;
  /** Everything before this offset is durable and whole. Grows while the segment is written. */
  end: number;
}

/** The segments that hold groups, oldest first. The writer adds at the end, the drain removes at the start. */
export class SegmentCatalog {
  constructor(private readonly entries: SegmentEntry[]) {}

  add(entry: SegmentEntry): void {
    this.entries.push(entry);
  }

  oldest(): SegmentEntry | undefined {
    return this.entries[0];
  }

  after(number: number): SegmentEntry | undefined {
    return this.entries.find((entry) => entry.number === number + 1);
  }

  find(number: number): SegmentEntry | undefined {
    return this.entries.find((entry) => entry.number === number);
  }

  dropOldest(): void {
    this.entries.shift();
  }
}
