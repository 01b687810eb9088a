import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { PgClient } from './client.js';

interface Wire {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
  readonly stream: Socket;
}

/** PostgreSQL, COPY, Binary Format: the signature, no flags, no extension; and the trailer. */
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const TRAILER = Buffer.from('ffff', 'hex');

/** Writes rows that copyOut gave into a table of the same columns. Resolves when the server has stored them all. */
export function copyIn(client: PgClient, table: string, batches: AsyncIterable<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyIn(`COPY ${table} FROM STDIN (FORMAT binary)`, batches, resolve, reject) as never);
  });
}

/** What pg's client calls while this is its active query. */
class CopyIn {
  private error: Error | undefined;

  constructor(
    private readonly text: string,
    private readonly batches: AsyncIterable<Buffer>,
    private readonly resolve: () => void,
    private readonly reject: (error: Error) => void,
  ) {}

  submit(connection: Wire): void {
    connection.query(this.text);
  }

  handleCopyInResponse(connection: Wire): void {
    void this.send(connection).catch((error: Error) => {
      this.error ??= error;
      connection.sendCopyFail('the rows to copy could not be read');
    });
  }

  handleCommandComplete(): void {
    // ReadyForQuery follows.
  }

  handleReadyForQuery(): void {
    if (this.error === undefined) this.resolve();
    else this.reject(this.error);
  }

  handleError(error: Error): void {
    this.error ??= error;
    // After a lost connection nothing follows; a second settlement changes nothing.
    this.reject(this.error);
  }

  private async send(connection: Wire): Promise<void> {
    connection.sendCopyFromChunk(HEADER);
    // A batch is its reader's only until the next one is asked for.
    for await (const batch of this.batches) {
      connection.sendCopyFromChunk(Buffer.from(batch));
      if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain');
    }
    connection.sendCopyFromChunk(TRAILER);
    connection.endCopyFrom();
  }
}
