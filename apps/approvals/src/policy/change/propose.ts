import type { Identity } from '#libs/contracts/identity.js';
import type { ChangeRules } from '#libs/policy/change-rules.js';
import { diffPolicies } from '#libs/policy/policy-diff.js';
import type { Policy } from '#libs/policy/policy.js';
import { sql, type DatabaseTransactionConnection } from '#libs/postgres/pool.js';
import type { LastPublication } from '../publication.js';
import { recordChange, type ChangeWork } from './change-record.js';
import { supersedePending } from './supersede-pending.js';

export interface NewProposal {
  readonly policy: Policy;
  /** The policy in force, whose rules decide. */
  readonly last: LastPublication;
  readonly rules: ChangeRules;
  readonly author: string;
  readonly reason: string;
  /** Where it was read; undefined where `proposer` sent it. */
  readonly file?: string;
  readonly proposer?: Identity;
}

/** Queues a change that waits for signatures, in the place of the one before. Returns its id. */
export async function propose(work: ChangeWork, given: NewProposal): Promise<string> {
  const { policy, last, rules, author, reason, file, proposer } = given;
  await supersedePending(work, 'changed-again');
  const id = work.newId();
  const proposed = {
    type: 'policy-change.proposed' as const,
    author,
    authorVerified: proposer !== undefined,
    ...(file === undefined ? {} : { file: file.slice(0, 1_024) }),
    reason,
    policyVersion: policy.version,
    policyHash: policy.hash,
    sourceHash: policy.sourceHash,
    previousHash: last.hash,
    text: policy.text,
    diff: diffPolicies(last.text, policy.text),
    needed: rules.reviewers,
    expiresAt: new Date(work.now + rules.expires).toISOString(),
  };
  recordChange(work, { id, state: undefined, version: 0 }, [proposed], proposer);
  return id;
}

/** Whether this text was proposed against the policy in force before, however that ended. */
export const wasProposed = (
  tx: DatabaseTransactionConnection,
  policy: Policy,
  last: LastPublication,
): Promise<boolean> =>
  tx.exists(sql.unsafe`
    SELECT FROM approvals.policy_changes
    WHERE policy_hash = ${policy.hash} AND previous_hash = ${last.hash}`);
