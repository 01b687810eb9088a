import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

/**
 * Whether the database still refuses to change what is sealed: each table has a trigger `append_only` that
 * fires whatever session_replication_role says. Its absence alters nothing sealed, so it is a notice and no
 * finding; but nobody switches it off without a reason. One line for each table that has it not.
 */
export async function findMissingGuards(query: BulkQuery): Promise<string[]> {
  const rows = await query<{ name: string; state: string | null }>(
    `SELECT c.relname AS name, max(t.tgenabled::text) AS state FROM pg_class c
     LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'append_only' AND NOT t.tgisinternal
     WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p')
     GROUP BY c.relname ORDER BY 1`,
  );
  return rows
    .filter(({ state }) => state !== 'A')
    .map(({ name, state }) =>
      state === null
        ? `ledger.${name} has no append-only trigger`
        : `ledger.${name}: its append-only trigger is ${state === 'D' ? 'switched off' : 'not ENABLE ALWAYS'}`,
    );
}
