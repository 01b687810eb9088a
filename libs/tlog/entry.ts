import { isUtf8 } from 'node:buffer';
import { bytesToUuid, writeUuid } from '#libs/kernel/uuid.js';
import { MAX_ENTRY_BYTES } from './entry-bundle.js';
import { HASH_BYTES } from './hashing.js';

/** "CSENTRY" and the version of the layout. */
export const ENTRY_MAGIC = Buffer.from('CSENTRY\x01', 'latin1');

/** Where a record stood in the event log. */
export interface EntrySource {
  readonly cluster: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
  /** -1 where the log knows none. */
  readonly leaderEpoch: number;
}

/**
 * What the ledger seals of one record. The layout of its bytes is a table in
 * docs/formats/ledger-entry.md; a change gets a new version byte.
 */
export interface Entry {
  readonly chainId: string;
  readonly seq: bigint;
  /** The leaf hash of the entry before; for seq 0 the SHA-256 of the genesis descriptor. */
  readonly prev: Buffer;
  /** Microseconds since 1970, never decreasing within a chain. */
  readonly recordedAt: bigint;
  readonly eventId: string;
  readonly source: EntrySource;
  readonly producer: string;
  readonly producerSeq: bigint;
  readonly tenant: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly payloadLength: number;
  readonly payloadCommit: Buffer;
}

/** The bytes of all fields of fixed width, length prefixes included. */
const FIXED_BYTES = 8 + 16 + 8 + 32 + 8 + 16 + 2 + 2 + 4 + 8 + 4 + 16 + 8 + 2 + 2 + 4 + 4 + 32;

/** Throws a RangeError when a field does not fit its width or the whole is above 65,535 bytes. */
export function encodeEntry(entry: Entry): Buffer {
  const { source } = entry;
  const texts = [source.cluster, source.topicId, entry.tenant, entry.type];
  const length = texts.reduce((sum, text) => sum + Buffer.byteLength(text), FIXED_BYTES);
  if (length > MAX_ENTRY_BYTES) throw new RangeError(`an entry of ${length} bytes`);
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  const fixed = (value: Uint8Array, width: number): void => {
    if (value.length !== width) throw new RangeError(`expected ${width} bytes, got ${value.length}`);
    bytes.set(value, at);
    at += width;
  };
  const uuid = (value: string): void => {
    writeUuid(value, bytes, at);
    at += 16;
  };
  const text = (value: string): void => {
    const written = bytes.write(value, at + 2);
    at = bytes.writeUInt16BE(written, at) + written;
  };
  fixed(ENTRY_MAGIC, 8);
  uuid(entry.chainId);
  at = bytes.writeBigUInt64BE(entry.seq, at);
  fixed(entry.prev, HASH_BYTES);
  at = bytes.writeBigUInt64BE(entry.recordedAt, at);
  uuid(entry.eventId);
  text(source.cluster);
  text(source.topicId);
  at = bytes.writeUInt32BE(source.partition, at);
  at = bytes.writeBigUInt64BE(source.offset, at);
  at = bytes.writeInt32BE(source.leaderEpoch, at);
  uuid(entry.producer);
  at = bytes.writeBigUInt64BE(entry.producerSeq, at);
  text(entry.tenant);
  text(entry.type);
  at = bytes.writeUInt32BE(entry.schemaVersion, at);
  at = bytes.writeUInt32BE(entry.payloadLength, at);
  fixed(entry.payloadCommit, HASH_BYTES);
  return bytes;
}

/** undefined unless the bytes are exactly one entry of this version. Fields are views into the bytes. */
export function decodeEntry(bytes: Buffer): Entry | undefined {
  const reader = new EntryReader(bytes);
  try {
    if (!reader.fixed(8).equals(ENTRY_MAGIC)) return undefined;
    const entry: Entry = {
      chainId: bytesToUuid(reader.fixed(16)),
      seq: reader.u64(),
      prev: reader.fixed(HASH_BYTES),
      recordedAt: reader.u64(),
      eventId: bytesToUuid(reader.fixed(16)),
      source: {
        cluster: reader.text(),
        topicId: reader.text(),
        partition: reader.u32(),
        offset: reader.u64(),
        leaderEpoch: reader.u32() | 0,
      },
      producer: bytesToUuid(reader.fixed(16)),
      producerSeq: reader.u64(),
      tenant: reader.text(),
      type: reader.text(),
      schemaVersion: reader.u32(),
      payloadLength: reader.u32(),
      payloadCommit: reader.fixed(HASH_BYTES),
    };
    return reader.atEnd && bytes.length <= MAX_ENTRY_BYTES ? entry : undefined;
  } catch (error) {
    if (error instanceof NotAnEntry) return undefined;
    throw error;
  }
}

class NotAnEntry extends Error {}

/** Reads forward; throws NotAnEntry past the end and for text that is not UTF-8. */
class EntryReader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  get atEnd(): boolean {
    return this.at === this.bytes.length;
  }

  fixed(width: number): Buffer {
    if (this.at + width > this.bytes.length) throw new NotAnEntry('the entry ends early');
    this.at += width;
    return this.bytes.subarray(this.at - width, this.at);
  }

  u32(): number {
    return this.fixed(4).readUInt32BE();
  }

  u64(): bigint {
    return this.fixed(8).readBigUInt64BE();
  }

  text(): string {
    const bytes = this.fixed(this.fixed(2).readUInt16BE());
    if (!isUtf8(bytes)) throw new NotAnEntry('text that is not UTF-8');
    return bytes.toString('utf8');
  }
}
