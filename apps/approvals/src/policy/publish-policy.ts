import { z } from 'zod';
import type { Policy } from '#libs/policy/policy.js';
import { sql } from '#libs/postgres/pool.js';
import type { RequestExecutor } from '../request/write/request-executor.js';

/**
 * Publishes the policy in force on `control`, signed, unless it is the one published last; its text is
 * kept by hash for ever. Replicas that start at once publish it once: the second waits for the first.
 * Returns whether it was published.
 */
export function publishPolicy(
  executor: RequestExecutor,
  policy: Policy,
  author: string,
  newId: () => string,
): Promise<boolean> {
  return executor.transact(async (unit, tx) => {
    // The topic's head row is what everybody who publishes here passes through, one after the other.
    await tx.query(sql.unsafe`SELECT FROM approvals.heads WHERE topic = 'control' FOR UPDATE`);
    const last = await tx.maybeOne(sql.type(z.object({ hash: z.string() }))`
      SELECT hash FROM approvals.publications ORDER BY ordinal DESC LIMIT 1`);
    if (last?.hash === policy.hash) return false;
    const id = newId();
    const previous = last?.hash ?? null;
    unit.publish({
      id,
      type: 'policy.published',
      key: 'policy',
      place: undefined,
      fields: {
        policyVersion: policy.version,
        policyHash: policy.hash,
        text: policy.text,
        author,
        ...(previous === null ? {} : { previousHash: previous }),
      },
    });
    unit.afterAppend(async () => {
      await tx.query(sql.unsafe`
        INSERT INTO approvals.publications (hash, version, text, author, previous_hash, event_id)
        VALUES (${policy.hash}, ${policy.version}, ${policy.text}, ${author}, ${previous}, ${id})`);
    });
    return true;
  });
}
