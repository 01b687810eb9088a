import type { Binding } from '#libs/contracts/binding.js';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';

/** Keeps what reviewers are shown of a new request: its binding. Credentials in it are sealed by the gateway. */
export async function keepBinding(
  tx: CommonQueryMethods,
  requestId: string,
  binding: Binding,
): Promise<void> {
  await tx.query(sql.unsafe`
    INSERT INTO approvals.bindings (request_id, binding)
    VALUES (${requestId}, ${sql.binary(Buffer.from(JSON.stringify(binding), 'utf8'))})`);
}
