import type { Binding } from '#libs/contracts/binding.js';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';

/**
 * Keeps what reviewers are shown of a new request: its binding. Where the statement holds credentials,
 * the bytes that would give them away are left out; the digest, computed before, still covers them.
 */
export async function keepBinding(
  tx: CommonQueryMethods,
  requestId: string,
  binding: Binding,
  holdsCredentials: boolean,
): Promise<void> {
  const kept = holdsCredentials ? withoutBytes(binding) : binding;
  await tx.query(sql.unsafe`
    INSERT INTO approvals.bindings (request_id, binding)
    VALUES (${requestId}, ${sql.binary(Buffer.from(JSON.stringify(kept), 'utf8'))})`);
}

const withoutBytes = (binding: Binding): Binding => ({
  ...binding,
  statements: binding.statements.map((statement) => ({
    ...statement,
    text: '',
    standsFor: [],
    parameters: statement.parameters.map(() => null),
  })),
});
