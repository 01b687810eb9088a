import type { Topic } from '#libs/contracts/topics.js';
import { RECORD_KINDS, RECORD_PREFIX_BYTES, TOPIC_NUMBERS, topicOfNumber } from './spool-layout.js';

/** A record as it stands in a group. Checkpoint and drained records are the spool's own and go nowhere else. */
export type StoredRecord = StoredEvent | StoredOwn<'checkpoint'> | StoredOwn<'drained'>;

export interface StoredOwn<Kind> {
  readonly kind: Kind;
  readonly value: Buffer;
}

export interface StoredEvent {
  readonly kind: 'event';
  readonly topic: Topic;
  readonly partition: number;
  readonly sequence: number;
  readonly key: string;
  /** The event's bytes as they go to the event log. */
  readonly value: Buffer;
}

/** The bytes that a record with this key and value takes in a group. */
export const recordBytes = (keyBytes: number, valueBytes: number): number =>
  RECORD_PREFIX_BYTES + keyBytes + valueBytes;

/** Writes an event's record at `at`; returns where it ends. The buffer must have room. */
export function writeEventRecord(
  buffer: Buffer,
  at: number,
  topic: Topic,
  partition: number,
  sequence: number,
  key: string,
  value: Buffer | string,
): number {
  const keyBytes = buffer.write(key, at + RECORD_PREFIX_BYTES, 'utf8');
  const start = at + RECORD_PREFIX_BYTES + keyBytes;
  let end = start;
  if (typeof value === 'string') end += buffer.write(value, start, 'utf8');
  else {
    buffer.set(value, start);
    end += value.length;
  }
  writePrefix(buffer, at, end, RECORD_KINDS.event, TOPIC_NUMBERS[topic], partition, sequence, keyBytes);
  return end;
}

/** Writes a record of the spool's own at `at`; returns where it ends. The buffer must have room. */
export function writeOwnRecord(
  buffer: Buffer,
  at: number,
  kind: 'checkpoint' | 'drained',
  value: Buffer,
): number {
  const end = at + RECORD_PREFIX_BYTES + value.length;
  buffer.set(value, at + RECORD_PREFIX_BYTES);
  writePrefix(buffer, at, end, RECORD_KINDS[kind], 0, 0, 0, 0);
  return end;
}

function writePrefix(
  buffer: Buffer,
  at: number,
  end: number,
  kind: number,
  topic: number,
  partition: number,
  sequence: number,
  keyBytes: number,
): void {
  buffer.writeUInt32BE(end - at - 4, at);
  buffer.writeUInt8(kind, at + 4);
  buffer.writeUInt8(topic, at + 5);
  buffer.writeUInt16BE(partition, at + 6);
  buffer.writeUInt32BE(Math.floor(sequence / 0x1_0000_0000), at + 8);
  buffer.writeUInt32BE(sequence % 0x1_0000_0000, at + 12);
  buffer.writeUInt16BE(keyBytes, at + 16);
}

/**
 * The records of a group whose checksum is right. Values are views into `payload`. Throws a RangeError
 * when the records do not fill it: then the writer was wrong, not the disk.
 */
export function readRecords(payload: Buffer, count: number): StoredRecord[] {
  const records: StoredRecord[] = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + RECORD_PREFIX_BYTES > payload.length) throw new RangeError(`record ${index} is cut off`);
    const end = at + 4 + payload.readUInt32BE(at);
    const keyEnd = at + RECORD_PREFIX_BYTES + payload.readUInt16BE(at + 16);
    if (end > payload.length || keyEnd > end)
      throw new RangeError(`record ${index} is longer than its group`);
    records.push(readRecord(payload, at, keyEnd, end));
    at = end;
  }
  if (at !== payload.length) throw new RangeError(`${payload.length - at} bytes behind the last record`);
  return records;
}

function readRecord(payload: Buffer, at: number, keyEnd: number, end: number): StoredRecord {
  const kind = payload.readUInt8(at + 4);
  const value = payload.subarray(keyEnd, end);
  if (kind === RECORD_KINDS.checkpoint) return { kind: 'checkpoint', value };
  if (kind === RECORD_KINDS.drained) return { kind: 'drained', value };
  if (kind !== RECORD_KINDS.event) throw new RangeError(`unknown kind of record: ${kind}`);
  const topic = topicOfNumber(payload.readUInt8(at + 5));
  if (topic === undefined) throw new RangeError(`unknown topic number: ${payload.readUInt8(at + 5)}`);
  return {
    kind: 'event',
    topic,
    partition: payload.readUInt16BE(at + 6),
    sequence: payload.readUInt32BE(at + 8) * 0x1_0000_0000 + payload.readUInt32BE(at + 12),
    key: payload.toString('utf8', at + RECORD_PREFIX_BYTES, keyEnd),
    value,
  };
}
