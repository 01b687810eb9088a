import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { copyIn } from '#libs/postgres/copy-in.js';
import { copyOut } from '#libs/postgres/copy-out.js';

/** The tables of a ledger in a database that is the attacker's alone, and once more as they were. */
export interface LedgerCopy {
  readonly client: PgClient;
  readonly tables: readonly string[];
  /** Puts the rows of one chain, or of all, back as they were in every table. */
  restore(chain: number | undefined): Promise<void>;
}

/**
 * Copies the schema `ledger` into an empty database, from one snapshot of the original, which is only read.
 * Tables get their columns and primary keys and nothing else: the triggers, the other unique indexes and the
 * functions are what an attacker with the whole server has put aside. The caller ends `client`.
 */
export async function copyLedger(originalUrl: string, copyUrl: string): Promise<LedgerCopy> {
  const original = await connectClient(originalUrl, 'countersign attack (original, read only)');
  const client = await connectClient(copyUrl, 'countersign attack (copy)');
  try {
    await original.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await original.query<{ name: string; columns: string; key: string | null }>(
      `SELECT c.relname AS name,
         (SELECT string_agg(format('%I %s %s', a.attname, format_type(a.atttypid, a.atttypmod),
             CASE WHEN a.attnotnull THEN 'NOT NULL' ELSE '' END), ', ' ORDER BY a.attnum)
           FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
         (SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p') AS key
       FROM pg_class c WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1`,
    );
    await client.query('CREATE SCHEMA ledger; CREATE SCHEMA pristine');
    for (const { name, columns, key } of rows) {
      await client.query(
        `CREATE TABLE ledger.${name} (${columns}${key === null ? '' : `, ${key}`}); ALTER TABLE ledger.${name} SET (autovacuum_enabled = off)`,
      );
      await copyIn(client, `ledger.${name}`, copyOut(original, `SELECT * FROM ledger.${name}`));
      await client.query(`CREATE TABLE pristine.${name} AS TABLE ledger.${name}`);
      await client.query(`CREATE INDEX ON pristine.${name} (chain); ANALYZE ledger.${name}`);
    }
    const tables = rows.map(({ name }) => name);
    return {
      client,
      tables,
      restore: async (chain) => {
        const where = chain === undefined ? '' : `WHERE chain = ${chain}`;
        const steps = tables.map((table) =>
          chain === undefined
            ? `TRUNCATE ledger.${table}; INSERT INTO ledger.${table} TABLE pristine.${table};`
            : `DELETE FROM ledger.${table} ${where}; INSERT INTO ledger.${table} SELECT * FROM pristine.${table} ${where};`,
        );
        await client.query(`BEGIN; ${steps.join(' ')} COMMIT`);
      },
    };
  } catch (error) {
    await client.end();
    throw error;
  } finally {
    await original.end();
  }
}
