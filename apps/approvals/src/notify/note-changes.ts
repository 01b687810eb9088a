import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';

/**
 * Makes requests due with each of these notifiers where they have changed, in the transaction that changed
 * them: whoever commits a change has thereby asked that people be told of it.
 */
export async function noteChanges(
  tx: CommonQueryMethods,
  notifiers: readonly string[],
  requestIds: readonly string[],
): Promise<void> {
  if (notifiers.length === 0 || requestIds.length === 0) return;
  await tx.query(sql.unsafe`
    INSERT INTO approvals.notices AS notice (notifier, request_id, revision)
    SELECT notifier, request.id, request.revision
    FROM approvals.requests AS request, unnest(${sql.array([...notifiers], 'text')}) AS notifier
    WHERE request.id = ANY(${sql.array([...requestIds], 'uuid')})
    ORDER BY notifier, request.id
    ON CONFLICT (notifier, request_id) DO UPDATE SET
      revision = excluded.revision,
      due_at = CASE WHEN notice.told_revision < notice.revision THEN notice.due_at ELSE now() END
    WHERE notice.revision < excluded.revision`);
}
