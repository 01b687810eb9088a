import pg from 'pg';
import { withApplicationName } from './pool.js';

export type PgClient = pg.Client;

/** One connection of its own, for LISTEN, advisory locks and bulk work. The caller ends it. */
export async function connectClient(url: string, applicationName: string): Promise<PgClient> {
  const client = new pg.Client({
    connectionString: withApplicationName(url, applicationName),
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  // A connection that breaks rejects the query in flight and every later one; unheard, this event would end
  // the process.
  client.on('error', () => undefined);
  await client.connect().catch(async (error: unknown) => {
    await client.end();
    throw error;
  });
  return client;
}
