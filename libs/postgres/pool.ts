import { createPool, type DatabasePool } from 'slonik';

export { sql } from 'slonik';
export type { CommonQueryMethods, DatabasePool, DatabaseTransactionConnection } from 'slonik';

/**
 * A pool of connections to the platform database. Times out rather than hangs: 5 s to connect, 30 s for
 * a statement, 60 s idle in a transaction.
 */
export async function openPool(
  url: string,
  options: { maximumPoolSize?: number; applicationName: string },
): Promise<DatabasePool> {
  const pool = await createPool(withApplicationName(url, options.applicationName), {
    maximumPoolSize: options.maximumPoolSize ?? 8,
    connectionTimeout: 5_000,
    statementTimeout: 30_000,
    idleInTransactionSessionTimeout: 60_000,
    // Retrying is decided by the caller: after a lost connection the fate of a commit is unknown.
    connectionRetryLimit: 0,
    queryRetryLimit: 0,
    transactionRetryLimit: 0,
  });
  // slonik also emits each query's error here; an emitter without a listener would throw in its place.
  pool.on('error', () => undefined);
  return pool;
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * The URL with application_name set, so that pg_stat_activity says who is there. On this machine itself a
 * URL that asks for no TLS means none, whatever PGSSLMODE says of the servers psql is used with.
 */
export function withApplicationName(url: string, name: string): string {
  const parsed = new URL(url);
  parsed.searchParams.set('application_name', name);
  if (LOOPBACK.has(parsed.hostname) && !parsed.searchParams.has('sslmode'))
    parsed.searchParams.set('sslmode', 'disable');
  return parsed.toString();
}
