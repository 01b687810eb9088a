import { CodedError } from '#libs/kernel/coded-error.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { consistencyRanges, proveConsistency } from '#libs/tlog/consistency-proof.js';
import {
  checkTlogConsistency,
  formatTlogConsistency,
  parseTlogConsistency,
} from '#libs/tlog/tlog-consistency.js';
import { formatVkey, type NoteVerifier } from '#libs/tlog/vkey.js';
import { inSnapshot } from './in-snapshot.js';
import { invalid, trustedLog } from './prove-entry.js';
import { treeReader } from './tree-reader.js';

export interface GrowthProof {
  readonly chain: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly vkey: string;
  /** As a witness takes it (C2SP tlog-witness, add-checkpoint); the newer checkpoint stands in it. */
  readonly proof: Buffer;
  /** The older signed checkpoint. */
  readonly old: Buffer;
}

/**
 * Proves that a chain only grew between two of its checkpoints; without `to`, up to the newest. Checked
 * before it is given out. Throws NO_SUCH_CHAIN, NO_SUCH_CHECKPOINT, NO_TRUSTED_KEY, PROOF_INVALID.
 */
export const proveGrowth = (
  url: string,
  chain: string,
  from: bigint,
  to: bigint | undefined,
  logs: readonly NoteVerifier[],
): Promise<GrowthProof> => inSnapshot(url, (query) => prove(query, chain, from, to, logs));

async function prove(
  query: BulkQuery,
  name: string,
  from: bigint,
  to: bigint | undefined,
  logs: readonly NoteVerifier[],
): Promise<GrowthProof> {
  const [row] = await query<{ chain: number; origin: string }>(
    'SELECT chain, origin FROM ledger.chains WHERE name = $1',
    [name],
  );
  if (row === undefined) throw new CodedError('NO_SUCH_CHAIN', `there is no chain ${name}`);
  const log = trustedLog(logs, row.origin);
  const older = await checkpointAt(query, row.chain, name, from);
  const newer = await checkpointAt(query, row.chain, name, to);
  if (older.size === 0n || older.size > newer.size)
    throw new CodedError(
      'NO_SUCH_CHECKPOINT',
      `nothing can be proven from size ${older.size} to size ${newer.size}: --from is above 0 and not above --to`,
    );
  const read = await treeReader(query, row.chain, newer.size, consistencyRanges(older.size, newer.size));
  const hashes = proveConsistency(older.size, newer.size, read);
  const proof = formatTlogConsistency({ oldSize: older.size, hashes, checkpoint: newer.note });
  const parsed = parseTlogConsistency(proof);
  const checked = parsed === undefined ? undefined : checkTlogConsistency(parsed, older.note, log);
  if (checked?.ok !== true)
    throw invalid(
      `checkpoint ${newer.size} of ${name} does not extend checkpoint ${older.size} (${checked?.problem ?? 'malformed'})`,
    );
  return { chain: name, from: older.size, to: newer.size, vkey: formatVkey(log), proof, old: older.note };
}

async function checkpointAt(
  query: BulkQuery,
  chain: number,
  name: string,
  size: bigint | undefined,
): Promise<{ size: bigint; note: Buffer }> {
  const [row] = await query<{ size: string; note: Buffer }>(
    `SELECT size::text, note FROM ledger.checkpoints WHERE chain = $1 AND size <= $2
     ORDER BY checkpoints.size DESC LIMIT 1`,
    [chain, size ?? (1n << 63n) - 1n],
  );
  if (row !== undefined && (size === undefined || BigInt(row.size) === size))
    return { size: BigInt(row.size), note: row.note };
  throw new CodedError(
    'NO_SUCH_CHECKPOINT',
    `${name} has no checkpoint of size ${size}${row === undefined ? '' : `; the one before it is of size ${row.size}`}`,
  );
}
