import type { Identity } from '#libs/contracts/identity.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

/** The group that sees everything and decides nothing. */
export const COMPLIANCE_GROUP = 'compliance';

export const seesEverything = (identity: Identity): boolean => identity.groups.includes(COMPLIANCE_GROUP);

/** Whether a request is the identity's own: then its whole life may be seen. */
export async function ownsRequest(query: BulkQuery, identity: Identity, requestId: string): Promise<boolean> {
  const rows = await query<{ own: boolean }>(
    `SELECT EXISTS (SELECT FROM ledger.entries WHERE request_id = $1 AND identity = $2
       AND type IN ('statement.intent-recorded', 'review.asked')) AS own`,
    [requestId, identity.name],
  );
  return rows[0]?.own === true;
}
