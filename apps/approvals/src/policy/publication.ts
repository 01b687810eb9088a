import { z } from 'zod';
import { diffPolicies } from '#libs/policy/policy-diff.js';
import { BUILT_IN_AUTHOR } from '#libs/policy/policy-schema.js';
import type { Policy } from '#libs/policy/policy.js';
import { sql, type DatabaseTransactionConnection } from '#libs/postgres/pool.js';
import type { ChangeWork } from './change/change-record.js';
import { supersedePending } from './change/supersede-pending.js';
import type { PolicyReader } from './policy-shelf.js';

const publicationSchema = z.object({ hash: z.string(), version: z.number(), text: z.string() });
export type LastPublication = z.output<typeof publicationSchema>;

/**
 * The policy in force; null before the first. Takes the lock that everybody who publishes here passes
 * through, one after the other: the topic's head row.
 */
export async function lockPublications(tx: DatabaseTransactionConnection): Promise<LastPublication | null> {
  await tx.query(sql.unsafe`SELECT FROM approvals.heads WHERE topic = 'control' FOR UPDATE`);
  return tx.maybeOne(sql.type(publicationSchema)`
    SELECT hash, version, text FROM approvals.publications ORDER BY ordinal DESC LIMIT 1`);
}

export interface NewPublication {
  readonly id: string;
  readonly policy: Pick<Policy, 'version' | 'hash' | 'text'>;
  readonly author: string;
  readonly reason: string | undefined;
  readonly last: LastPublication | null;
  /** The change that was signed or forced. */
  readonly change?: { readonly id: string; readonly decidedBy?: readonly string[] };
}

/** Queues `policy.published` and keeps its text by hash for ever. What waited to replace the policy before is over. */
export async function publish(work: ChangeWork, publication: NewPublication): Promise<void> {
  const { id, policy, author, reason, last, change } = publication;
  await supersedePending(work, 'policy-changed', change?.id);
  work.unit.publish({
    id,
    type: 'policy.published',
    key: 'policy',
    place: undefined,
    ...(change === undefined ? {} : { requestId: change.id }),
    fields: {
      policyVersion: policy.version,
      policyHash: policy.hash,
      text: policy.text,
      author,
      ...(reason === undefined ? {} : { reason }),
      ...(last === null ? {} : { previousHash: last.hash, diff: diffPolicies(last.text, policy.text) }),
      ...(change === undefined ? {} : { changeId: change.id }),
      ...(change?.decidedBy === undefined ? {} : { decidedBy: change.decidedBy }),
    },
  });
  work.unit.afterAppend(async () => {
    await work.tx.query(sql.unsafe`
      INSERT INTO approvals.publications (hash, version, text, author, previous_hash, event_id)
      VALUES (${policy.hash}, ${policy.version}, ${policy.text}, ${author}, ${last?.hash ?? null}, ${id})`);
  });
}

/**
 * A lower version is an older file put back by mistake. The same one with another text is a change whose
 * author left the number alone: hash and difference tell the two apart.
 */
export async function versionProblem(
  tx: DatabaseTransactionConnection,
  policy: Policy,
  read: PolicyReader,
): Promise<string | undefined> {
  const last = await tx.maybeOne(sql.type(publicationSchema)`
    SELECT hash, version, text FROM approvals.publications
    WHERE author <> ${BUILT_IN_AUTHOR} ORDER BY ordinal DESC LIMIT 1`);
  if (last === null || policy.version >= last.version) return undefined;
  const { sourceHash } = await read(last.text);
  if (sourceHash === policy.sourceHash) return undefined;
  return `version: ${policy.version} is below ${last.version}, which was published before with another text (sha256 ${sourceHash}): raise the version`;
}
