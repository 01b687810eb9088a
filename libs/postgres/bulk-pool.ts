import pg from 'pg';
import { withApplicationName } from './pool.js';

/** Runs one statement; parameters that are Buffers travel as binary. Give it a name to have it prepared once a connection. */
export type BulkQuery = <R>(text: string, values?: readonly unknown[], name?: string) => Promise<R[]>;

export interface BulkPool {
  /** Each call is a transaction of its own, on any connection. */
  readonly query: BulkQuery;
  /** COMMIT when `work` resolves, ROLLBACK when it rejects. After a lost connection a commit's fate is unknown. */
  transaction<T>(work: (query: BulkQuery) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * Plain connections for bulk and binary work, where a mapper between would cost more than the rows. Times
 * out rather than hangs, like openPool. `onIdleError` hears of connections that break while unused.
 */
export function openBulkPool(
  url: string,
  options: { size: number; applicationName: string; onIdleError: (error: Error) => void },
): BulkPool {
  const pool = new pg.Pool({
    connectionString: withApplicationName(url, options.applicationName),
    max: options.size,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
  });
  pool.on('error', options.onIdleError);
  return {
    query: queryOn(pool),
    transaction: async (work) => {
      const client = await pool.connect();
      let broken: Error | undefined;
      // The pool hears of broken connections only while they are idle; unheard, the event ends the process.
      const onError = (error: Error): void => void (broken = error);
      client.on('error', onError);
      try {
        await client.query('BEGIN');
        const result = await work(queryOn(client));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch((rollback: Error) => (broken = rollback));
        throw error;
      } finally {
        client.off('error', onError);
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}

/** A BulkQuery on anything that has pg's query method. */
export const queryOn =
  (connection: { query(config: pg.QueryConfig): Promise<pg.QueryResult> }): BulkQuery =>
  async <R>(text: string, values: readonly unknown[] = [], name?: string): Promise<R[]> =>
    (await connection.query({ text, values: [...values], ...(name === undefined ? {} : { name }) }))
      .rows as R[];

/** A PostgreSQL array literal of texts; null stands for NULL. */
export const textArray = (values: readonly (string | null)[]): string =>
  `{${values.map((value) => (value === null ? 'NULL' : `"${value.replace(/[\\"]/g, '\\$&')}"`)).join(',')}}`;

/** A PostgreSQL array literal of values that need no quoting: numbers and UUIDs; null stands for NULL. */
export const plainArray = (values: readonly (string | number | bigint | null)[]): string =>
  `{${values.map((value) => value ?? 'NULL').join(',')}}`;
