import { z } from 'zod';
import { diffPolicies } from '#libs/policy/policy-diff.js';
import { BUILT_IN_AUTHOR } from '#libs/policy/policy-schema.js';
import type { Policy } from '#libs/policy/policy.js';
import { sql, type DatabaseTransactionConnection } from '#libs/postgres/pool.js';
import type { RequestExecutor } from '../request/write/request-executor.js';
import type { PolicyReader } from './policy-shelf.js';

export type Published =
  | { readonly kind: 'published' }
  /** It is the one that was published last. */
  | { readonly kind: 'unchanged' }
  /** Its version is below that of another text that was published before. */
  | { readonly kind: 'refused'; readonly problem: string };

const publicationSchema = z.object({ hash: z.string(), version: z.number(), text: z.string() });

/**
 * Publishes the policy in force on `control`, signed, unless it is the one published last; its text is
 * kept by hash for ever. Replicas that start at once publish it once: the second waits for the first.
 * `file` is where it was read; undefined for the built-in policy, whose version nobody counts.
 */
export function publishPolicy(
  executor: RequestExecutor,
  policy: Policy,
  origin: { readonly file: string | undefined; readonly read: PolicyReader },
  newId: () => string,
): Promise<Published> {
  return executor.transact<Published>(async (unit, tx) => {
    // The topic's head row is what everybody who publishes here passes through, one after the other.
    await tx.query(sql.unsafe`SELECT FROM approvals.heads WHERE topic = 'control' FOR UPDATE`);
    const last = await tx.maybeOne(sql.type(publicationSchema)`
      SELECT hash, version, text FROM approvals.publications ORDER BY ordinal DESC LIMIT 1`);
    if (last?.hash === policy.hash) return { kind: 'unchanged' };
    if (origin.file !== undefined) {
      const problem = await versionProblem(tx, policy, origin.read);
      if (problem !== undefined) return { kind: 'refused', problem };
    }
    const id = newId();
    const previous = last?.hash ?? null;
    const author = authorOf(policy, origin.file);
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
        ...(policy.change === undefined ? {} : { reason: policy.change.reason }),
        ...(last === null ? {} : { previousHash: last.hash, diff: diffPolicies(last.text, policy.text) }),
      },
    });
    unit.afterAppend(async () => {
      await tx.query(sql.unsafe`
        INSERT INTO approvals.publications (hash, version, text, author, previous_hash, event_id)
        VALUES (${policy.hash}, ${policy.version}, ${policy.text}, ${author}, ${previous}, ${id})`);
    });
    return { kind: 'published' };
  });
}

function authorOf({ change }: Policy, file: string | undefined): string {
  if (file === undefined) return BUILT_IN_AUTHOR;
  return change?.author ?? `file ${file}`.slice(0, 256);
}

/**
 * A lower version is an older file put back by mistake. The same one with another text is a change whose
 * author left the number alone: hash and difference tell the two apart.
 */
async function versionProblem(
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
