import { decodeBase64 } from './base64.js';
import { openCheckpoint, type Checkpoint } from './checkpoint.js';
import { verifyConsistency } from './consistency-proof.js';
import { HASH_BYTES } from './hashing.js';
import type { ProofProblem } from './tlog-proof.js';
import type { NoteVerifier } from './vkey.js';

const MAX_HASHES = 63;
const MAX_BYTES = 128 * 1024;

/** That a log only grew since `oldSize`, in the form a witness takes (C2SP tlog-witness, add-checkpoint). */
export interface TlogConsistency {
  readonly oldSize: bigint;
  readonly hashes: readonly Buffer[];
  /** The newer signed checkpoint, verbatim. */
  readonly checkpoint: Buffer;
}

export const formatTlogConsistency = ({ oldSize, hashes, checkpoint }: TlogConsistency): Buffer =>
  Buffer.concat([
    Buffer.from([`old ${oldSize}`, ...hashes.map((hash) => hash.toString('base64')), '', ''].join('\n')),
    checkpoint,
  ]);

/** undefined for anything but what formatTlogConsistency writes. */
export function parseTlogConsistency(bytes: Buffer): TlogConsistency | undefined {
  if (bytes.length > MAX_BYTES) return undefined;
  const split = bytes.indexOf('\n\n');
  if (split === -1) return undefined;
  const lines = bytes.subarray(0, split).toString('latin1').split('\n');
  const old = /^old (0|[1-9][0-9]{0,18})$/.exec(lines.shift() ?? '');
  if (old === null || lines.length > MAX_HASHES) return undefined;
  const hashes = lines.map(decodeBase64);
  if (!hashes.every((hash) => hash?.length === HASH_BYTES)) return undefined;
  return {
    oldSize: BigInt(old[1] as string),
    hashes: hashes as Buffer[],
    checkpoint: bytes.subarray(split + 2),
  };
}

export type ConsistencyCheck =
  | { ok: true; from: Checkpoint; to: Checkpoint }
  | { ok: false; problem: ProofProblem | 'FORK_EVIDENCE'; which: 'old' | 'new' | 'proof' };

/** Whether the newer checkpoint extends the older one. Both must be the log's own. */
export function checkTlogConsistency(
  proof: TlogConsistency,
  oldNote: Uint8Array,
  log: NoteVerifier,
): ConsistencyCheck {
  const from = openCheckpoint(oldNote, log);
  if (!from.ok) return { ...from, which: 'old' };
  const to = openCheckpoint(proof.checkpoint, log);
  if (!to.ok) return { ...to, which: 'new' };
  const [older, newer] = [from.checkpoint, to.checkpoint];
  if (older.size === newer.size && !older.root.equals(newer.root))
    return { ok: false, problem: 'FORK_EVIDENCE', which: 'proof' };
  const holds =
    proof.oldSize === older.size &&
    verifyConsistency(older.size, newer.size, proof.hashes, older.root, newer.root);
  return holds
    ? { ok: true, from: older, to: newer }
    : { ok: false, problem: 'PROOF_INVALID', which: 'proof' };
}
