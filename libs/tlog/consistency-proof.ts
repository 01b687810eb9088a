import { HASH_BYTES, nodeHash } from './hashing.js';
import { rootOfRange, type NodeReader } from './inclusion-proof.js';
import { MAX_TREE_SIZE, splitPoint, type LeafRange } from './tree-nodes.js';

/**
 * The ranges whose roots prove that the tree of `size2` extends the one of `size1` (RFC 6962, section
 * 2.1.2). Throws a RangeError unless 0 < size1 <= size2: of an empty tree nothing can be proven.
 */
export function consistencyRanges(size1: bigint, size2: bigint): LeafRange[] {
  if (size1 <= 0n || size1 > size2 || size2 > MAX_TREE_SIZE)
    throw new RangeError(`no consistency proof from ${size1} to ${size2}`);
  const ranges: LeafRange[] = [];
  let begin = 0n;
  let end = size2;
  let whole = true;
  while (size1 !== end) {
    const middle = begin + splitPoint(end - begin);
    if (size1 <= middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
      whole = false;
    }
  }
  if (!whole) ranges.push({ begin, end });
  return ranges.reverse();
}

export const proveConsistency = (size1: bigint, size2: bigint, read: NodeReader): Buffer[] =>
  consistencyRanges(size1, size2).map((range) => rootOfRange(range, read));

/** Whether the proof shows that root2 extends root1 (RFC 9162, 2.1.4.2). size1 = 0 is never a proof, 0/0 included. */
export function verifyConsistency(
  size1: bigint,
  size2: bigint,
  proof: readonly Buffer[],
  root1: Buffer,
  root2: Buffer,
): boolean {
  if (size1 <= 0n || size1 > size2 || size2 > MAX_TREE_SIZE) return false;
  // Nothing is hashed here; that a root has 32 bytes is for whoever read the checkpoint.
  if (size1 === size2) return proof.length === 0 && root1.equals(root2);
  if (proof.length === 0) return false;
  if (![root1, root2, ...proof].every((hash) => hash.length === HASH_BYTES)) return false;
  const path = (size1 & (size1 - 1n)) === 0n ? [root1, ...proof] : proof;
  let node = size1 - 1n;
  let last = size2 - 1n;
  while ((node & 1n) === 1n) {
    node >>= 1n;
    last >>= 1n;
  }
  let old = path[0] as Buffer;
  let current = old;
  for (const sibling of path.slice(1)) {
    if (last === 0n) return false;
    if ((node & 1n) === 1n || node === last) {
      old = nodeHash(sibling, old);
      current = nodeHash(sibling, current);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      current = nodeHash(current, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && old.equals(root1) && current.equals(root2);
}
