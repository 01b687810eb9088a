import { decodeBase64 } from './base64.js';
import { HASH_BYTES } from './hashing.js';
import { verifyNote } from './signed-note.js';
import { MAX_TREE_SIZE } from './tree-nodes.js';
import { isKeyName, type NoteVerifier } from './vkey.js';

/** The state of a log (C2SP tlog-checkpoint), without extension lines and without a time. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: bigint;
  readonly root: Buffer;
}

/** Three lines, each ending in a newline: what is signed. */
export const formatCheckpoint = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${root.toString('base64')}\n`;

/** undefined for anything but what formatCheckpoint writes. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const match = /^([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n$/u.exec(text);
  const root = match === null ? undefined : decodeBase64(match[3] as string);
  if (match === null || root?.length !== HASH_BYTES || !isKeyName(match[1] as string)) return undefined;
  const size = BigInt(match[2] as string);
  return size > MAX_TREE_SIZE ? undefined : { origin: match[1] as string, size, root };
}

export type CheckpointProblem =
  'MALFORMED_CHECKPOINT' | 'SIG_INVALID' | 'NO_TRUSTED_SIGNATURE' | 'ORIGIN_MISMATCH';

export type CheckpointCheck =
  { ok: true; checkpoint: Checkpoint } | { ok: false; problem: CheckpointProblem };

/**
 * Opens the signed checkpoint of one log. The log's identity is the verifier's: the note must be about
 * `log.name` and carry a good signature by that very key.
 */
export function openCheckpoint(
  note: Uint8Array,
  log: NoteVerifier,
  others: readonly NoteVerifier[] = [],
): CheckpointCheck {
  const checked = verifyNote(note, [log, ...others]);
  if (!checked.ok) return { ok: false, problem: NOTE_PROBLEMS[checked.problem] };
  const checkpoint = parseCheckpoint(checked.text);
  if (checkpoint === undefined) return { ok: false, problem: 'MALFORMED_CHECKPOINT' };
  if (checkpoint.origin !== log.name) return { ok: false, problem: 'ORIGIN_MISMATCH' };
  if (!checked.signedBy.includes(log)) return { ok: false, problem: 'NO_TRUSTED_SIGNATURE' };
  return { ok: true, checkpoint };
}

const NOTE_PROBLEMS = {
  malformed: 'MALFORMED_CHECKPOINT',
  'bad-signature': 'SIG_INVALID',
  'no-trusted-signature': 'NO_TRUSTED_SIGNATURE',
} as const;
