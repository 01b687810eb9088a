import { z } from 'zod';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import { loadChange, recordChange, type ChangeWork } from './change-record.js';
import { decideChange } from './domain/decide-change.js';
import type { ChangeEventOf } from './domain/change-event.js';

const pendingSchema = z.object({
  id: z.string(),
  policy_hash: z.string(),
  previous_hash: z.string(),
  from_file: z.boolean(),
});
export type PendingChange = z.output<typeof pendingSchema>;

/** The change that waits for signatures; there is one at most. */
export const findPending = async (tx: CommonQueryMethods): Promise<PendingChange | undefined> =>
  (await tx.maybeOne(sql.type(pendingSchema)`
    SELECT id::text, policy_hash, previous_hash, from_file
    FROM approvals.policy_changes WHERE state = 'pending'`)) ?? undefined;

/** Ends the change that waits, if there is one; `except` is the one that is just being accepted. */
export async function supersedePending(
  work: ChangeWork,
  why: ChangeEventOf<'policy-change.superseded'>['why'],
  except?: string,
): Promise<void> {
  const pending = await findPending(work.tx);
  if (pending === undefined || pending.id === except) return;
  const record = await loadChange(work.tx, pending.id);
  recordChange(work, record, decideChange({ type: 'supersede', why }, record.state, work.now).events);
}
