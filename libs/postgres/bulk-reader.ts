import { Socket } from 'node:net';
import pg from 'pg';
import type { PgClient } from './client.js';
import { withApplicationName } from './pool.js';

const READ_BYTES = 256 * 1024;

/** Takes the bytes of the wire while it is set; returns how many it took, and leaves the rest to pg. */
export type WireTap = (bytes: Buffer, length: number) => number;

/** A socket that reads into one buffer of its own: a new one for each read keeps the garbage collector busy. */
export class TappedSocket extends Socket {
  tap: WireTap | undefined;

  constructor() {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    super({
      onread: {
        buffer,
        callback: (length: number) => {
          const taken = this.tap === undefined ? 0 : this.tap(buffer, length);
          // What pg reads it may keep: a copy.
          if (taken < length) this.emit('data', Buffer.from(buffer.subarray(taken, length)));
          return true;
        },
      },
    } as ConstructorParameters<typeof Socket>[0]);
  }
}

/** A connection for reading in bulk with copyOut. Like connectClient's; the caller ends it. */
export async function connectBulkReader(url: string, applicationName: string): Promise<PgClient> {
  const client = new pg.Client({
    connectionString: withApplicationName(url, applicationName),
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    stream: () => new TappedSocket(),
  });
  client.on('error', () => undefined);
  await client.connect().catch(async (error: unknown) => {
    await client.end();
    throw error;
  });
  return client;
}
