import { bytesToUuid } from '#libs/kernel/uuid.js';

/** An entry with its columns and its payload, as the tables have them. Nothing in it is believed. */
export interface EntryRow {
  seq: string;
  source: number | null;
  source_offset: string | null;
  recorded_at: string | null;
  event_time: string | null;
  producer_seq: string | null;
  event_id: string | null;
  producer: string | null;
  request_id: string | null;
  session_id: string | null;
  type: string | null;
  identity: string | null;
  leaf: Buffer | null;
  entry: Buffer | null;
  salt: Buffer | null;
  payload: Buffer | null;
}

/** The columns in the order in which they are read. Salt and payload stand side by side, so that they hash as one. */
export const COLUMN = {
  seq: 0,
  source: 1,
  sourceOffset: 2,
  recordedAt: 3,
  eventTime: 4,
  producerSeq: 5,
  eventId: 6,
  producer: 7,
  requestId: 8,
  sessionId: 9,
  type: 10,
  identity: 11,
  leaf: 12,
  entry: 13,
  salt: 14,
  payload: 15,
} as const;

const COLUMNS = 16;

/** All entries of a chain, in order of seq. */
export const entriesOf = (chain: number): string =>
  `SELECT e.seq, e.source, e.source_offset, e.recorded_at, e.event_time, e.producer_seq, e.event_id, e.producer,
     e.request_id, e.session_id, e.type, e.identity, e.leaf, e.entry, p.salt, p.payload
   FROM ledger.entries e LEFT JOIN ledger.payloads p ON p.chain = ${chain} AND p.seq = e.seq
   WHERE e.chain = ${chain} ORDER BY e.seq`;

/**
 * Reads the rows of a binary COPY in place: where each column begins and how long it is, -1 for NULL.
 * Nothing is made for a row until somebody asks for it as a whole.
 */
export class EntryRows {
  bytes: Buffer = Buffer.alloc(0);
  readonly offsets = new Int32Array(COLUMNS);
  readonly lengths = new Int32Array(COLUMNS);
  private at = 0;

  /** Begins with a batch of whole rows. */
  over(bytes: Buffer): void {
    this.bytes = bytes;
    this.at = 0;
  }

  get more(): boolean {
    return this.at < this.bytes.length;
  }

  /** Moves to the next row. Throws when the bytes are not rows of these columns. */
  next(): void {
    const { bytes, offsets, lengths } = this;
    let at = this.at;
    if (((bytes[at] as number) << 8) + (bytes[at + 1] as number) !== COLUMNS)
      throw new Error('the database answered with other columns than were asked for');
    at += 2;
    for (let column = 0; column < COLUMNS; column += 1) {
      const length =
        ((bytes[at] as number) << 24) |
        ((bytes[at + 1] as number) << 16) |
        ((bytes[at + 2] as number) << 8) |
        (bytes[at + 3] as number);
      at += 4;
      offsets[column] = at;
      lengths[column] = length;
      if (length > 0) at += length;
    }
    if (at > bytes.length) throw new Error('the database answered with half a row');
    this.at = at;
  }

  /** The row as values of their own. */
  row(): EntryRow {
    return {
      seq: this.int64(COLUMN.seq) ?? '',
      source: this.read(COLUMN.source, (bytes) => bytes.readInt32BE()),
      source_offset: this.int64(COLUMN.sourceOffset),
      recorded_at: this.int64(COLUMN.recordedAt),
      event_time: this.int64(COLUMN.eventTime),
      producer_seq: this.int64(COLUMN.producerSeq),
      event_id: this.read(COLUMN.eventId, bytesToUuid),
      producer: this.read(COLUMN.producer, bytesToUuid),
      request_id: this.read(COLUMN.requestId, bytesToUuid),
      session_id: this.read(COLUMN.sessionId, bytesToUuid),
      type: this.read(COLUMN.type, (bytes) => bytes.toString('utf8')),
      identity: this.read(COLUMN.identity, (bytes) => bytes.toString('utf8')),
      leaf: this.read(COLUMN.leaf, copied),
      entry: this.read(COLUMN.entry, copied),
      salt: this.read(COLUMN.salt, copied),
      payload: this.read(COLUMN.payload, copied),
    };
  }

  private int64(column: number): string | null {
    return this.read(column, (bytes) => bytes.readBigInt64BE().toString());
  }

  private read<T>(column: number, as: (bytes: Buffer) => T): T | null {
    const length = this.lengths[column] as number;
    const offset = this.offsets[column] as number;
    return length === -1 ? null : as(this.bytes.subarray(offset, offset + length));
  }
}

const copied = (bytes: Buffer): Buffer => Buffer.from(bytes);
