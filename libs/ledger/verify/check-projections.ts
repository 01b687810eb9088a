import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { Chain } from '../chain.js';
import { checkDecisions } from './check-decisions.js';
import { RegisterCheck } from './check-register.js';
import type { Findings } from './finding.js';

const TABLES = ['positions', 'passed_over', 'changes_v1', 'change_decisions_v1'];

/**
 * Compares the projections beside the ledger with what the ledger makes of them, as far as they have read it;
 * to be called after the entries themselves were checked. Returns why not, where that cannot be done.
 */
export async function checkProjections(
  query: BulkQuery,
  chains: readonly Chain[],
  findings: Findings,
): Promise<string | undefined> {
  // A look that is refused would end the snapshot.
  const [tables] = await query<{ there: boolean; readable: boolean }>(
    `SELECT bool_and(c.oid IS NOT NULL) AS there,
       bool_and(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) AS readable
     FROM pg_namespace n CROSS JOIN unnest($1::text[]) AS t(name)
     LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
     WHERE n.nspname = 'projections'`,
    [TABLES],
  );
  if (tables?.there !== true) return 'projections were not compared: there are none';
  if (!tables.readable) return 'projections were not compared: this role may not read them';
  const register = new RegisterCheck(query, findings);
  for (const chain of chains.filter(({ name }) => name.startsWith('statements/')))
    await register.chain(chain);
  await register.extra(chains);
  await checkDecisions(query, chains, findings);
  return undefined;
}
