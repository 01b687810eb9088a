import { hash } from 'node:crypto';
import { ENTRY_MAGIC } from '#libs/tlog/entry.js';
import { HASH_BYTES } from '#libs/tlog/hashing.js';
import type { HashText } from '#libs/tlog/leaf-tree.js';
import { COLUMN, type EntryRows } from './entry-row.js';
import { EventColumnsCheck } from './event-columns-check.js';
import type { ProducerPositions } from './producer-positions.js';

/** Where the fields of fixed place begin (docs/formats/ledger-entry.md). */
const AT = { chainId: 8, seq: 24, prev: 32, recordedAt: 64, eventId: 72, source: 88 } as const;

/** Widths; TAIL is all that follows the type. */
const [OFFSET, EPOCH, UUID, U64, TAIL] = [8, 4, 16, 8, 4 + 4 + 32];

const MAX_HIGH = 0x1f_ffff;

/** What the entry before left behind; NaN where a number does not fit 53 bits. */
export interface Expected {
  seq: number;
  head: HashText;
  recordedAt: number;
  /** The source column, and the entry's bytes from the cluster's length to the partition. */
  source: number;
  sourceBytes: Buffer;
  offset: number;
  leaderEpoch: number;
}

/**
 * Whether the row at hand is sound in every respect, decided from its bytes in place: nothing is made for an
 * entry but the text of two hashes. It only ever says yes or no. A no names nothing: the row is then taken
 * apart and looked at properly, so that what this does not know (poison, an unusual form) is no alarm.
 */
export class SoundEntry {
  /** The leaf hash of the last sound row. */
  leaf: HashText = '';
  private readonly columns = new EventColumnsCheck();
  private readonly prefix: Buffer;

  /** `chainId`: its 16 bytes. */
  constructor(
    chainId: Buffer,
    private readonly producers: ProducerPositions,
  ) {
    this.prefix = Buffer.concat([ENTRY_MAGIC, chainId]);
  }

  /** Moves `expected` on when the row is sound. Overwrites bytes between the row's columns. */
  check(rows: EntryRows, expected: Expected): boolean {
    const { bytes, offsets, lengths } = rows;
    for (let column = 0; column < 16; column += 1)
      if (lengths[column] === -1 && !isNullable(column)) return false;
    const entry = offsets[COLUMN.entry] as number;
    const end = entry + (lengths[COLUMN.entry] as number);
    const { sourceBytes } = expected;
    const offsetAt = entry + AT.source + sourceBytes.length;
    const producerAt = offsetAt + OFFSET + EPOCH;
    const tenantAt = producerAt + UUID + U64 + 2;
    if (tenantAt + 2 + TAIL > end) return false;
    const tenantEnd = tenantAt + u16(bytes, tenantAt - 2);
    const typeAt = tenantEnd + 2;
    if (typeAt + TAIL > end) return false;
    const typeEnd = typeAt + u16(bytes, tenantEnd);
    if (typeEnd + TAIL !== end) return false;

    const seq = u64(bytes, entry + AT.seq);
    const recordedAt = u64(bytes, entry + AT.recordedAt);
    const offset = u64(bytes, offsetAt);
    const leaderEpoch = i32(bytes, offsetAt + OFFSET);
    const producerSeq = u64(bytes, producerAt + UUID);
    const type = offsets[COLUMN.type] as number;
    if (
      seq !== expected.seq ||
      !(recordedAt >= expected.recordedAt) ||
      !(offset > expected.offset) ||
      leaderEpoch < expected.leaderEpoch ||
      i32(bytes, offsets[COLUMN.source] as number) !== expected.source ||
      lengths[COLUMN.type] !== typeEnd - typeAt ||
      lengths[COLUMN.leaf] !== 32 ||
      lengths[COLUMN.salt] !== 32 ||
      lengths[COLUMN.payload] !== u32(bytes, typeEnd + 4) ||
      !same(bytes, entry, this.prefix, 0, AT.seq) ||
      !same(bytes, entry + AT.source, sourceBytes, 0, sourceBytes.length) ||
      !same(bytes, entry + AT.seq, bytes, offsets[COLUMN.seq] as number, 8) ||
      !same(bytes, entry + AT.recordedAt, bytes, offsets[COLUMN.recordedAt] as number, 8) ||
      !same(bytes, entry + AT.eventId, bytes, offsets[COLUMN.eventId] as number, UUID) ||
      !same(bytes, offsetAt, bytes, offsets[COLUMN.sourceOffset] as number, 8) ||
      !same(bytes, producerAt, bytes, offsets[COLUMN.producer] as number, UUID) ||
      !same(bytes, producerAt + UUID, bytes, offsets[COLUMN.producerSeq] as number, 8) ||
      !same(bytes, typeAt, bytes, type, typeEnd - typeAt) ||
      !isAscii(bytes, tenantAt, tenantEnd) ||
      !isAscii(bytes, typeAt, typeEnd) ||
      !isText(bytes, entry + AT.prev, expected.head)
    )
      return false;
    if (isSealedByLedgerAt(bytes, typeAt, typeEnd)) return false;
    if (
      !this.columns.agree(rows, {
        eventId: entry + AT.eventId,
        type: typeAt,
        typeEnd,
        schemaVersion: u32(bytes, typeEnd),
        tenant: tenantAt,
        tenantEnd,
        producer: producerAt,
        producerSeq,
      })
    )
      return false;

    const leaf = this.leafOf(bytes, entry, end);
    if (!isText(bytes, offsets[COLUMN.leaf] as number, leaf)) return false;
    if (!isText(bytes, end - HASH_BYTES, commitmentOf(rows))) return false;
    if (!this.producers.advance(bytes, producerAt, producerSeq)) return false;

    this.leaf = leaf;
    expected.seq = seq + 1;
    expected.head = leaf;
    expected.recordedAt = recordedAt;
    expected.offset = offset;
    expected.leaderEpoch = leaderEpoch;
    return true;
  }

  /** Hashes in place: the byte before the entry is the last of its length, read already. */
  private leafOf(bytes: Buffer, entry: number, end: number): HashText {
    const before = bytes[entry - 1] as number;
    bytes[entry - 1] = 0x00;
    const leaf = hash('sha256', bytes.subarray(entry - 1, end), 'binary');
    bytes[entry - 1] = before;
    return leaf;
  }
}

/** SHA-256(0x02 ‖ salt ‖ payload): the salt is moved over the payload's length, and then moved back. */
function commitmentOf({ bytes, offsets, lengths }: EntryRows): HashText {
  const salt = offsets[COLUMN.salt] as number;
  const payload = offsets[COLUMN.payload] as number;
  bytes.copyWithin(payload - 32, salt, salt + 32);
  bytes[payload - 33] = 0x02;
  const commitment = hash(
    'sha256',
    bytes.subarray(payload - 33, payload + (lengths[COLUMN.payload] as number)),
    'binary',
  );
  bytes.copyWithin(salt, payload - 32, payload);
  return commitment;
}

/** Only these end in `.sealed`; a type that merely does is looked at properly, like them. */
const SEALED = Buffer.from('.sealed');

const isSealedByLedgerAt = (bytes: Buffer, begin: number, end: number): boolean =>
  end - begin > SEALED.length && same(bytes, end - SEALED.length, SEALED, 0, SEALED.length);

const isNullable = (column: number): boolean =>
  column === COLUMN.eventTime ||
  column === COLUMN.requestId ||
  column === COLUMN.sessionId ||
  column === COLUMN.identity;

const u16 = (bytes: Buffer, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

const i32 = (bytes: Buffer, at: number): number =>
  ((bytes[at] as number) << 24) |
  ((bytes[at + 1] as number) << 16) |
  ((bytes[at + 2] as number) << 8) |
  (bytes[at + 3] as number);

const u32 = (bytes: Buffer, at: number): number => i32(bytes, at) >>> 0;

/** NaN, which equals nothing, above 2^53. */
function u64(bytes: Buffer, at: number): number {
  const high = u32(bytes, at);
  return high > MAX_HIGH ? Number.NaN : high * 0x1_0000_0000 + u32(bytes, at + 4);
}

function same(left: Buffer, leftAt: number, right: Buffer, rightAt: number, length: number): boolean {
  for (let index = 0; index < length; index += 1)
    if (left[leftAt + index] !== right[rightAt + index]) return false;
  return true;
}

/** Whether a hash stands there. A character at a time: making a text of the bytes takes longer than comparing it. */
function isText(bytes: Buffer, at: number, text: HashText): boolean {
  for (let index = 0; index < HASH_BYTES; index += 1)
    if (bytes[at + index] !== text.charCodeAt(index)) return false;
  return true;
}

function isAscii(bytes: Buffer, begin: number, end: number): boolean {
  for (let at = begin; at < end; at += 1) if ((bytes[at] as number) > 0x7f) return false;
  return true;
}
