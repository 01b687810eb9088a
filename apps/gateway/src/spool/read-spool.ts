import path from 'node:path';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { decodeCheckpoint, decodeDrainedMark, type DrainedMark, type Totals } from './checkpoint.js';
import { OpenItems, type ObservedEvent } from './open-items.js';
import { readRecords, recordBytes, type StoredEvent, type StoredRecord } from './record-codec.js';
import type { SegmentEntry } from './segment-catalog.js';
import { decodeSegmentHeader } from './segment-header.js';
import { scanSegment, writtenEnd } from './segment-scan.js';
import { sequenceSnapshot, Sequences } from './sequences.js';
import type { SpoolFiles } from './spool-files.js';
import { SEGMENT_HEADER_BYTES, segmentName, segmentNumber } from './spool-layout.js';

/** What is to be done to the last segment before anything is written behind it. */
export interface TailRepair {
  readonly segment: SegmentEntry;
  /** The last whole group, whose bytes must reach the disk again. */
  readonly lastGroup: { readonly offset: number; readonly bytes: Buffer };
  /** Bytes of an unfinished write behind it. */
  readonly tornBytes: number;
}

/** A spool as it stands on the disk. */
export interface StoredSpool {
  readonly producer: string;
  readonly tenant: string;
  readonly segments: SegmentEntry[];
  readonly sequences: Sequences;
  readonly open: OpenItems;
  readonly appended: Totals;
  readonly drained: DrainedMark;
  readonly repair: TailRepair;
  readonly eventsScanned: number;
}

export interface FoundSpool {
  /** Undefined where there is no spool, or one in which nothing was ever recorded. */
  readonly stored: StoredSpool | undefined;
  /** Files to be removed first: preallocations, finished or not, that hold no whole group. */
  readonly unused: readonly string[];
}

/** Reads and checks every retained segment; changes nothing. Throws SPOOL_DAMAGED with file and offset. */
export async function readSpool(files: SpoolFiles, folder: string): Promise<FoundSpool> {
  const names = await files.list(folder);
  const numbers = names
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
  numbers.forEach((number, index) => {
    const before = numbers[index - 1];
    if (before !== undefined && number !== before + 1)
      throw new CodedError('SPOOL_DAMAGED', `${path.join(folder, segmentName(before + 1))} is missing`);
  });
  const unfinished = names
    .filter((name) => name.endsWith('.spool.tmp'))
    .map((name) => path.join(folder, name));
  const { last, unused } = await lastUsed(files, folder, numbers);
  if (last === undefined) return { stored: undefined, unused: [...unfinished, ...unused] };
  const reading = new SpoolReading();
  for (const number of numbers.filter((candidate) => candidate < last.number)) {
    const file = path.join(folder, segmentName(number));
    const { tornAt } = reading.segment(file, number, await files.readAll(file));
    if (tornAt !== undefined) throw damaged(file, tornAt, 'it is not the last segment, but its end is torn');
  }
  return {
    stored: reading.finish(last.file, last.number, last.bytes),
    unused: [...unfinished, ...unused],
  };
}

/** The last segment with a whole group, and the files behind it, which have none. */
async function lastUsed(files: SpoolFiles, folder: string, numbers: readonly number[]) {
  const unused: string[] = [];
  let tornBehind: string | undefined;
  for (const number of numbers.toReversed()) {
    const file = path.join(folder, segmentName(number));
    const bytes = await files.readAll(file);
    const end = scanSegment(bytes, number, () => undefined);
    if (end.kind === 'damaged') throw damaged(file, end.at, end.problem);
    if (end.lastGroup === undefined) {
      if (end.kind === 'torn') tornBehind = file;
      unused.push(file);
      continue;
    }
    if (end.kind === 'torn' && tornBehind !== undefined)
      throw damaged(file, end.end, `its end is torn, and ${tornBehind} was begun behind it`);
    return { last: { number, file, bytes }, unused };
  }
  const first = numbers[0] ?? 0;
  if (first > 0)
    throw damaged(path.join(folder, segmentName(first)), SEGMENT_HEADER_BYTES, 'it holds no group');
  return { last: undefined, unused };
}

class SpoolReading {
  private identity: { readonly producer: string; readonly tenant: string } | undefined;
  private readonly segments: SegmentEntry[] = [];
  private readonly sequences = new Sequences();
  private readonly open = new OpenItems();
  private appended: Totals = { events: 0, bytes: 0 };
  private drained: DrainedMark = { segment: 0, offset: SEGMENT_HEADER_BYTES, events: 0, bytes: 0 };
  private eventsScanned = 0;

  /** Reads one segment, in order; `tornAt` is where an unfinished write begins. */
  segment(file: string, number: number, bytes: Buffer) {
    this.checkHeader(file, number, bytes);
    let groups = 0;
    const end = scanSegment(bytes, number, (group) => {
      try {
        const records = readRecords(group.payload, group.records);
        if (groups === 0) this.checkpoint(records[0], number);
        for (const record of records.slice(groups === 0 ? 1 : 0)) this.record(record);
      } catch (error) {
        throw damaged(file, group.offset, messageOf(error));
      }
      groups += 1;
    });
    if (end.kind === 'damaged') throw damaged(file, end.at, end.problem);
    const entry: SegmentEntry = { number, file, end: end.end };
    this.segments.push(entry);
    return { entry, lastGroup: end.lastGroup, tornAt: end.kind === 'torn' ? end.end : undefined };
  }

  finish(file: string, number: number, bytes: Buffer): StoredSpool {
    const { entry, lastGroup } = this.segment(file, number, bytes);
    if (this.identity === undefined || lastGroup === undefined)
      throw damaged(file, SEGMENT_HEADER_BYTES, 'it holds no group');
    return {
      ...this.identity,
      segments: this.segments,
      sequences: this.sequences,
      open: this.open,
      appended: this.appended,
      drained: this.drained,
      eventsScanned: this.eventsScanned,
      repair: {
        segment: entry,
        lastGroup: { offset: lastGroup, bytes: bytes.subarray(lastGroup, entry.end) },
        tornBytes: writtenEnd(bytes, entry.end) - entry.end,
      },
    };
  }

  private checkHeader(file: string, number: number, bytes: Buffer): void {
    const header = decodeSegmentHeader(bytes);
    if (typeof header === 'string') throw new CodedError('SPOOL_DAMAGED', `${file} ${header}`);
    this.identity ??= { producer: header.producer, tenant: header.tenant };
    const { producer, tenant } = this.identity;
    if (header.segment !== number || header.producer !== producer || header.tenant !== tenant)
      throw new CodedError('SPOOL_DAMAGED', `${file} belongs to another spool or place`);
  }

  /** The oldest segment's checkpoint is where we start; every later one must agree with what we saw. */
  private checkpoint(record: StoredRecord | undefined, number: number): void {
    if (record?.kind !== 'checkpoint') throw new RangeError('the segment does not begin with a checkpoint');
    const checkpoint = decodeCheckpoint(record.value);
    const sequences = sequenceSnapshot(checkpoint.sequences);
    if (this.segments.length === 0) {
      this.sequences.restore(sequences);
      this.open.restore(checkpoint.open);
      this.appended = checkpoint.appended;
      // What stood before the oldest segment was in the event log, or it would still be here.
      this.drained = { ...checkpoint.appended, segment: number, offset: SEGMENT_HEADER_BYTES };
      return;
    }
    if (sequences.some((next, slot) => next !== this.sequences.snapshot()[slot]))
      throw new RangeError('events at the end of the segment before it are missing');
    this.moveDrained(checkpoint.drained);
  }

  private record(record: StoredRecord): void {
    if (record.kind === 'checkpoint') throw new RangeError('a checkpoint in the middle of a segment');
    if (record.kind === 'drained') this.moveDrained(decodeDrainedMark(record.value));
    else this.event(record);
  }

  private event(record: StoredEvent): void {
    const expected = this.sequences.peek(record.topic, record.partition);
    if (record.sequence !== expected)
      throw new RangeError(
        `${record.topic}/${record.partition} has ${record.sequence} after ${expected - 1}`,
      );
    this.sequences.take(record.topic, record.partition);
    this.open.observe(JSON.parse(record.value.toString('utf8')) as ObservedEvent);
    const { events, bytes } = this.appended;
    const size = recordBytes(Buffer.byteLength(record.key), record.value.length);
    this.appended = { events: events + 1, bytes: bytes + size };
    this.eventsScanned += 1;
  }

  private moveDrained(mark: DrainedMark): void {
    if (mark.events >= this.drained.events && mark.segment >= this.drained.segment) this.drained = mark;
  }
}

const damaged = (file: string, offset: number, problem: string): CodedError =>
  new CodedError('SPOOL_DAMAGED', `${file} is damaged at offset ${offset}: ${problem}`);
