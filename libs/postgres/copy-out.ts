import type { Socket } from 'node:net';
import { TappedSocket } from './bulk-reader.js';
import type { PgClient } from './client.js';

/** The part of pg's connection that a query of our own uses. */
interface Wire {
  query(text: string): void;
  readonly stream: Socket;
}

const BATCH_BYTES = 1 << 20;

/** Most answers are short: the first batch on a connection is smaller. */
const FIRST_BATCH_BYTES = 1 << 16;

/** Batches that wait for the reader before the server is made to wait. */
const WAITING = 2;

/** The signature, flags and extension length that a binary COPY begins with (PostgreSQL, COPY, Binary Format). */
const HEADER_BYTES = 19;
const TRAILER_BYTES = 2;

/** Messages of the protocol while a COPY runs: CopyData, CopyOutResponse, CopyDone; type and length before each. */
const [COPY_DATA, COPY_OUT, COPY_DONE, HEAD_BYTES] = [0x64, 0x48, 0x63, 5];

/**
 * Runs `COPY (…) TO STDOUT (FORMAT binary)` and gives its rows as they come, whole rows in batches of about
 * 1 MiB, without the header and the trailer. The server works on while a batch is read, but never more than
 * a few batches ahead. A batch belongs to the reader until it asks for the next one. The connection is busy
 * until the end; leave the loop early only to end the connection. Fastest on a connection of
 * connectBulkReader, where rows go from the socket into the batch at once.
 */
export async function* copyOut(client: PgClient, select: string): AsyncGenerator<Buffer, void, void> {
  const copy = new CopyOut(`COPY (${select}) TO STDOUT (FORMAT binary)`, memories.get(client));
  memories.delete(client);
  client.query(copy as never);
  for (let batch = await copy.next(); batch !== undefined; batch = await copy.next()) yield batch;
  memories.set(client, copy.memory);
}

/** Where a connection's next COPY puts its first batch: new memory for each keeps the garbage collector busy. */
const memories = new WeakMap<PgClient, Buffer>();

/** What pg's client calls while this is its active query. */
class CopyOut {
  private wire: Wire | undefined;
  private batch: Buffer;
  private used = 0;
  private spare: Buffer | undefined;
  private lent: ArrayBuffer | undefined;
  private readonly full: Buffer[] = [];
  private headerSeen = false;
  /** Of the message at hand, on a tapped socket: what of its head is there, and what is left of its body. */
  private readonly head = Buffer.alloc(HEAD_BYTES);
  private headLength = 0;
  private skip = 0;
  private rest = 0;
  private ended = false;
  private error: Error | undefined;
  private wake: () => void = () => undefined;

  constructor(
    private readonly text: string,
    memory: Buffer | undefined,
  ) {
    this.batch = memory ?? Buffer.allocUnsafeSlow(FIRST_BATCH_BYTES);
  }

  /** What another COPY may write into; after the end. */
  get memory(): Buffer {
    const memory = this.spare ?? this.batch;
    return memory.length > BATCH_BYTES ? Buffer.allocUnsafeSlow(FIRST_BATCH_BYTES) : memory;
  }

  /** The next batch; undefined after the last. Rejects with what the server or the connection said. */
  async next(): Promise<Buffer | undefined> {
    if (this.lent?.byteLength === BATCH_BYTES) this.spare = Buffer.from(this.lent);
    this.lent = undefined;
    for (;;) {
      const batch = this.full.shift();
      if (batch !== undefined) {
        if (this.full.length < WAITING) this.wire?.stream.resume();
        this.lent = batch.buffer as ArrayBuffer;
        return batch;
      }
      if (this.error !== undefined) throw this.error;
      if (this.ended) return undefined;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  submit(connection: Wire): void {
    this.wire = connection;
    if (connection.stream instanceof TappedSocket)
      connection.stream.tap = (bytes, length) => this.take(bytes, length);
    connection.query(this.text);
  }

  /** Takes whole messages of the COPY out of the wire; from the first that is none, pg reads again. */
  private take(bytes: Buffer, length: number): number {
    let at = 0;
    while (at < length) {
      if (this.skip > 0) {
        const skipped = Math.min(this.skip, length - at);
        this.skip -= skipped;
        at += skipped;
      } else if (this.rest > 0) {
        const copied = bytes.copy(this.batch, this.used, at, Math.min(length, at + this.rest));
        this.used += copied;
        this.rest -= copied;
        at += copied;
      } else {
        const type = bytes[at] as number;
        if (this.headLength === 0 && type !== COPY_DATA && type !== COPY_OUT && type !== COPY_DONE) {
          (this.wire?.stream as TappedSocket).tap = undefined;
          return at;
        }
        if (this.headLength === 0 && length - at >= HEAD_BYTES) {
          this.begin(type, bytes.readUInt32BE(at + 1) - 4);
          at += HEAD_BYTES;
          continue;
        }
        const copied = bytes.copy(
          this.head,
          this.headLength,
          at,
          Math.min(length, at + HEAD_BYTES - this.headLength),
        );
        this.headLength += copied;
        at += copied;
        if (this.headLength === HEAD_BYTES) this.begin(this.head[0] as number, this.head.readUInt32BE(1) - 4);
      }
    }
    return at;
  }

  /** A message with a body of so many bytes follows. */
  private begin(type: number, length: number): void {
    this.headLength = 0;
    this.skip = length;
    if (type !== COPY_DATA) return;
    const header = this.headerSeen ? 0 : HEADER_BYTES;
    this.headerSeen = true;
    if (length - header <= TRAILER_BYTES) return;
    this.skip = header;
    this.rest = length - header;
    if (this.used + this.rest > this.batch.length) this.finishBatch(this.rest);
  }

  /** One row, or the trailer of two bytes; the first comes behind the header. Its bytes are pg's only until we return. */
  handleCopyData({ chunk }: { chunk: Buffer }): void {
    const begin = this.headerSeen ? 0 : HEADER_BYTES;
    this.headerSeen = true;
    const length = chunk.length - begin;
    if (length <= TRAILER_BYTES) return;
    if (this.used + length > this.batch.length) this.finishBatch(length);
    chunk.copy(this.batch, this.used, begin);
    this.used += length;
  }

  handleCommandComplete(): void {
    this.giveOut();
  }

  handleReadyForQuery(): void {
    this.ended = true;
    this.wake();
  }

  handleError(error: Error): void {
    this.error ??= error;
    this.wake();
  }

  handleRowDescription(): void {
    // A COPY has none.
  }

  /** Begins a batch with room for a row of so many bytes. */
  private finishBatch(room: number): void {
    this.giveOut();
    if (room > BATCH_BYTES) this.batch = Buffer.allocUnsafeSlow(room);
    else {
      this.batch = this.spare ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
      this.spare = undefined;
    }
  }

  private giveOut(): void {
    if (this.used > 0) {
      this.full.push(this.batch.subarray(0, this.used));
      if (this.full.length >= WAITING) this.wire?.stream.pause();
      this.wake();
    }
    this.used = 0;
  }
}
