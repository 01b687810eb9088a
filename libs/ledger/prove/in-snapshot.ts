import { queryOn, type BulkQuery } from '#libs/postgres/bulk-pool.js';
import { connectClient } from '#libs/postgres/client.js';

/** Runs `work` on one REPEATABLE READ, READ ONLY snapshot of the platform database. */
export async function inSnapshot<T>(url: string, work: (query: BulkQuery) => Promise<T>): Promise<T> {
  const client = await connectClient(url, 'countersign prove');
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return await work(queryOn(client));
  } finally {
    await client.end();
  }
}
