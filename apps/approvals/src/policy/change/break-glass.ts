import type { ChangeRules } from '#libs/policy/change-rules.js';
import type { Policy } from '#libs/policy/policy.js';
import { sql } from '#libs/postgres/pool.js';
import { publish, type LastPublication } from '../publication.js';
import { recordChange, type ChangeWork } from './change-record.js';

/** What COUNTERSIGN_POLICY_BREAK_GLASS says: one text, once, and why. */
export interface BreakGlass {
  /** SHA-256 of the policy file. */
  readonly sourceHash: string;
  readonly reason: string;
}

/** Who forced it: whoever could set it. Nobody's name is known. */
const OPERATOR = 'operator of approvals (break glass)';

/**
 * Puts a policy in force that nobody signed, where the setting names exactly this text. Each text counts
 * once: a setting that was left behind changes nothing later. Returns whether it did.
 */
export async function breakGlass(
  work: ChangeWork,
  policy: Policy,
  last: LastPublication,
  rules: ChangeRules,
  given: BreakGlass | undefined,
): Promise<boolean> {
  if (given === undefined || given.sourceHash !== policy.sourceHash) return false;
  const used = await work.tx.exists(sql.unsafe`
    SELECT FROM approvals.policy_changes WHERE state = 'forced' AND source_hash = ${given.sourceHash}`);
  if (used) return false;
  const [id, publicationId] = [work.newId(), work.newId()];
  const forced = {
    type: 'policy-change.forced' as const,
    author: OPERATOR,
    reason: given.reason,
    policyVersion: policy.version,
    policyHash: policy.hash,
    sourceHash: policy.sourceHash,
    previousHash: last.hash,
    needed: rules.reviewers,
    publicationId,
  };
  recordChange(work, { id, state: undefined, version: 0 }, [forced]);
  await publish(work, {
    id: publicationId,
    policy,
    author: OPERATOR,
    reason: given.reason,
    last,
    change: { id },
  });
  return true;
}
