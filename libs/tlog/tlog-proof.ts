import { decodeBase64 } from './base64.js';
import { openCheckpoint, type Checkpoint, type CheckpointProblem } from './checkpoint.js';
import { HASH_BYTES, leafHash } from './hashing.js';
import { verifyInclusion } from './inclusion-proof.js';
import type { NoteVerifier } from './vkey.js';

const HEADER = 'c2sp.org/tlog-proof@v1';

/** A proof has one hash for each level of the tree, and a tree has fewer than 2^63 leaves. */
const MAX_HASHES = 63;

/** Readers of the format take lines of at most 64 KiB; base64 makes four bytes of three. */
export const MAX_EXTRA_BYTES = 48 * 1024;

const MAX_PROOF_BYTES = 256 * 1024;

/** That an entry is in a log (C2SP tlog-proof): where it stands, its siblings from the leaf up, the signed root. */
export interface TlogProof {
  /** Not authenticated. Ours hold the entry's own bytes, which the proof is about. */
  readonly extra: Buffer | undefined;
  readonly index: bigint;
  readonly hashes: readonly Buffer[];
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: Buffer;
}

/** Throws a RangeError when `extra` is above 48 KiB. */
export function formatTlogProof({ extra, index, hashes, checkpoint }: TlogProof): Buffer {
  if (extra !== undefined && extra.length > MAX_EXTRA_BYTES)
    throw new RangeError(`extra of ${extra.length} bytes`);
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${extra.toString('base64')}`]),
    `index ${index}`,
    ...hashes.map((hash) => hash.toString('base64')),
    '',
    '',
  ];
  return Buffer.concat([Buffer.from(lines.join('\n')), checkpoint]);
}

/** undefined for anything but what formatTlogProof writes. The checkpoint is not opened here. */
export function parseTlogProof(bytes: Buffer): TlogProof | undefined {
  if (bytes.length > MAX_PROOF_BYTES) return undefined;
  const split = bytes.indexOf('\n\n');
  if (split === -1) return undefined;
  const lines = bytes.subarray(0, split).toString('latin1').split('\n');
  if (lines.shift() !== HEADER) return undefined;
  const extraLine = lines[0]?.startsWith('extra ') === true ? (lines.shift() as string) : undefined;
  const extra = extraLine === undefined ? undefined : decodeBase64(extraLine.slice('extra '.length));
  if (extraLine !== undefined && (extra === undefined || extra.length > MAX_EXTRA_BYTES)) return undefined;
  const index = /^index (0|[1-9][0-9]{0,18})$/.exec(lines.shift() ?? '');
  if (index === null || lines.length > MAX_HASHES) return undefined;
  const hashes = lines.map(decodeBase64);
  if (!hashes.every((hash) => hash?.length === HASH_BYTES)) return undefined;
  return {
    extra,
    index: BigInt(index[1] as string),
    hashes: hashes as Buffer[],
    checkpoint: bytes.subarray(split + 2),
  };
}

export type ProofProblem = 'PROOF_INVALID' | CheckpointProblem;

export type ProofCheck = { ok: true; checkpoint: Checkpoint } | { ok: false; problem: ProofProblem };

/**
 * Whether these very bytes are an entry of the log. The leaf is hashed here: a leaf hash that comes with a
 * proof shows nothing, since an inner node could be passed off as one.
 */
export function checkTlogProof(proof: TlogProof, entry: Uint8Array, log: NoteVerifier): ProofCheck {
  const opened = openCheckpoint(proof.checkpoint, log);
  if (!opened.ok) return opened;
  const { size, root } = opened.checkpoint;
  return verifyInclusion(proof.index, size, leafHash(entry), proof.hashes, root)
    ? opened
    : { ok: false, problem: 'PROOF_INVALID' };
}
