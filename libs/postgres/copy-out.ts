import type { PgClient } from './client.js';

/** The part of pg's connection that a query of our own uses. */
interface Wire {
  query(text: string): void;
  readonly stream: { pause(): void; resume(): void };
}

const BATCH_BYTES = 1 << 20;

/** Batches that wait for the reader before the server is made to wait. */
const WAITING = 2;

/** The signature, flags and extension length that a binary COPY begins with (PostgreSQL, COPY, Binary Format). */
const HEADER_BYTES = 19;

/**
 * Runs `COPY (…) TO STDOUT (FORMAT binary)` and gives its rows as they come, whole rows in batches of about
 * 1 MiB, without the header and the trailer. The server works on while a batch is read, but never more than
 * a few batches ahead. A batch belongs to the reader until it asks for the next one. The connection is busy
 * until the end; leave the loop early only to end the connection.
 */
export async function* copyOut(client: PgClient, select: string): AsyncGenerator<Buffer, void, void> {
  const copy = new CopyOut(`COPY (${select}) TO STDOUT (FORMAT binary)`);
  client.query(copy as never);
  for (let batch = await copy.next(); batch !== undefined; batch = await copy.next()) yield batch;
}

/** What pg's client calls while this is its active query. */
class CopyOut {
  private wire: Wire | undefined;
  private batch: Buffer = Buffer.allocUnsafeSlow(BATCH_BYTES);
  private used = 0;
  private spare: Buffer | undefined;
  private lent: ArrayBuffer | undefined;
  private readonly full: Buffer[] = [];
  private headerSeen = false;
  private ended = false;
  private error: Error | undefined;
  private wake: () => void = () => undefined;

  constructor(private readonly text: string) {}

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
    connection.query(this.text);
  }

  /** One row, or the trailer of two bytes; the first comes behind the header. Its bytes are pg's only until we return. */
  handleCopyData({ chunk }: { chunk: Buffer }): void {
    const begin = this.headerSeen ? 0 : HEADER_BYTES;
    this.headerSeen = true;
    const length = chunk.length - begin;
    if (length <= 2) return;
    if (this.used + length > this.batch.length) this.finishBatch(length);
    chunk.copy(this.batch, this.used, begin);
    this.used += length;
  }

  handleCommandComplete(): void {
    this.finishBatch(0);
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

  private finishBatch(room: number): void {
    if (this.used > 0) {
      this.full.push(this.batch.subarray(0, this.used));
      if (this.full.length >= WAITING) this.wire?.stream.pause();
      this.wake();
    }
    this.used = 0;
    if (room > BATCH_BYTES) this.batch = Buffer.allocUnsafeSlow(room);
    else {
      this.batch = this.spare ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
      this.spare = undefined;
    }
  }
}
