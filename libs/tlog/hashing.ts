import { createHash, hash } from 'node:crypto';

/** Every hash here is SHA-256: 32 bytes. */
export const HASH_BYTES = 32;

/** The root of a tree without leaves: SHA-256 of nothing (RFC 6962, section 2.1). */
export const EMPTY_ROOT: Buffer = hash('sha256', Buffer.alloc(0), 'buffer');

const LEAF = 0x00;
const NODE = 0x01;
const PAYLOAD = 0x02;

/** One buffer for all inputs that fit: hashing is synchronous, so nobody else can be using it. */
const scratch = Buffer.allocUnsafe(64 * 1024 + 64);

/** SHA-256(0x00 ‖ entry): the hash of a leaf (RFC 6962, section 2.1). */
export const leafHash = (entry: Uint8Array): Buffer => prefixed(LEAF, entry);

/** SHA-256(0x01 ‖ left ‖ right): the hash of an inner node (RFC 6962, section 2.1). */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => prefixed(NODE, left, right);

/**
 * SHA-256(0x02 ‖ salt ‖ payload). The salt is always 32 random bytes: one of varying length would let
 * bytes move between salt and payload. Throws a RangeError on any other length.
 */
export function payloadCommitment(salt: Uint8Array, payload: Uint8Array): Buffer {
  if (salt.length !== HASH_BYTES) throw new RangeError(`a salt has 32 bytes, not ${salt.length}`);
  return prefixed(PAYLOAD, salt, payload);
}

function prefixed(domain: number, first: Uint8Array, second?: Uint8Array): Buffer {
  const length = 1 + first.length + (second?.length ?? 0);
  if (length > scratch.length) {
    const hasher = createHash('sha256').update(Uint8Array.of(domain)).update(first);
    return (second === undefined ? hasher : hasher.update(second)).digest();
  }
  scratch[0] = domain;
  scratch.set(first, 1);
  if (second !== undefined) scratch.set(second, 1 + first.length);
  // As text of one character a byte, and from there into pooled memory: a Buffer made by the hash itself
  // costs more than hashing 64 bytes does.
  const result = Buffer.allocUnsafe(HASH_BYTES);
  result.write(hash('sha256', scratch.subarray(0, length), 'binary'), 0, HASH_BYTES, 'latin1');
  return result;
}
