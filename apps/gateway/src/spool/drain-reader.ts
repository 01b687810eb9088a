import { CodedError } from '#libs/kernel/coded-error.js';
import type { RecordToAppend } from '#libs/event-log/port.js';
import { groupSpan, readGroupHeader, readGroupPayload } from './group-codec.js';
import { readRecords, recordBytes } from './record-codec.js';
import type { SegmentEntry } from './segment-catalog.js';
import type { SpoolFiles } from './spool-files.js';
import { GROUP_HEADER_BYTES } from './spool-layout.js';

/** How much of a segment is read at once; one group may be larger. */
export const BATCH_BYTES = 512 << 10;

export interface DrainBatch {
  readonly records: readonly RecordToAppend[];
  /** The records' bytes on disk. */
  readonly bytes: number;
  /** Where the next batch starts. */
  readonly end: number;
}

/** Reads durable groups back from their segment. What it reads was whole once: anything else is damage. */
export class DrainReader {
  private open: { readonly number: number; readonly descriptor: number } | undefined;

  constructor(private readonly files: SpoolFiles) {}

  /** The events of whole groups from `offset`, which must be below the segment's durable end. */
  async read(segment: SegmentEntry, offset: number): Promise<DrainBatch> {
    const durable = segment.end;
    const descriptor = await this.descriptor(segment);
    let chunk = await this.chunk(segment, descriptor, offset, Math.min(BATCH_BYTES, durable - offset));
    const first = readGroupHeader(chunk, 0, { segment: segment.number, offset });
    if (first !== undefined && groupSpan(first) > chunk.length)
      chunk = await this.chunk(segment, descriptor, offset, groupSpan(first));
    return this.parse(segment, offset, chunk);
  }

  async close(): Promise<void> {
    const { open } = this;
    this.open = undefined;
    if (open !== undefined) await this.files.close(open.descriptor);
  }

  private parse(segment: SegmentEntry, offset: number, chunk: Buffer): DrainBatch {
    const records: RecordToAppend[] = [];
    let bytes = 0;
    let at = 0;
    while (at + GROUP_HEADER_BYTES <= chunk.length) {
      const header = readGroupHeader(chunk, at, { segment: segment.number, offset: offset + at });
      if (header === undefined) throw damaged(segment, offset + at);
      if (at + groupSpan(header) > chunk.length) break;
      const payload = readGroupPayload(chunk, at, header);
      if (payload === undefined) throw damaged(segment, offset + at);
      for (const record of readRecords(payload, header.records)) {
        if (record.kind !== 'event') continue;
        const { topic, partition, key, value } = record;
        records.push({ topic, partition, key, value });
        bytes += recordBytes(Buffer.byteLength(key), value.length);
      }
      at += groupSpan(header);
    }
    if (at === 0) throw damaged(segment, offset);
    return { records, bytes, end: offset + at };
  }

  private async descriptor(segment: SegmentEntry): Promise<number> {
    if (this.open?.number !== segment.number) {
      await this.close();
      this.open = { number: segment.number, descriptor: await this.files.openForRead(segment.file) };
    }
    return this.open.descriptor;
  }

  private async chunk(
    segment: SegmentEntry,
    descriptor: number,
    offset: number,
    length: number,
  ): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    const read = await this.files.read(descriptor, buffer, offset);
    if (read < length) throw damaged(segment, offset + read);
    return buffer;
  }
}

const damaged = (segment: SegmentEntry, offset: number): CodedError =>
  new CodedError(
    'SPOOL_DAMAGED',
    `${segment.file} has changed at offset ${offset} since it was written: stop, keep the file, look at the disk`,
  );
