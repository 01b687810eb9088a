import { foldSubtrees } from './compact-range.js';
import { HASH_BYTES, nodeHash } from './hashing.js';
import { MAX_TREE_SIZE, nodesOf, splitPoint, type LeafRange, type TreeNode } from './tree-nodes.js';

/** Gives the hash of a perfect subtree that is whole at the size the proof is for. */
export type NodeReader = (node: TreeNode) => Buffer;

/**
 * The ranges whose roots prove that a leaf is in the tree, from the leaf's sibling up (RFC 6962,
 * section 2.1.1). Throws a RangeError when the index is not in the tree.
 */
export function inclusionRanges(index: bigint, size: bigint): LeafRange[] {
  if (index < 0n || index >= size || size > MAX_TREE_SIZE)
    throw new RangeError(`no leaf ${index} in ${size}`);
  const ranges: LeafRange[] = [];
  let begin = 0n;
  let end = size;
  while (end - begin > 1n) {
    const middle = begin + splitPoint(end - begin);
    if (index < middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
    }
  }
  return ranges.reverse();
}

export const rootOfRange = (range: LeafRange, read: NodeReader): Buffer =>
  foldSubtrees(nodesOf(range).map(read));

export const proveInclusion = (index: bigint, size: bigint, read: NodeReader): Buffer[] =>
  inclusionRanges(index, size).map((range) => rootOfRange(range, read));

/** Whether the proof shows that the leaf hash stands at `index` in the tree of that size and root (RFC 9162, 2.1.3.2). */
export function verifyInclusion(
  index: bigint,
  size: bigint,
  leaf: Buffer,
  proof: readonly Buffer[],
  root: Buffer,
): boolean {
  if (index < 0n || index >= size || size > MAX_TREE_SIZE) return false;
  if (![leaf, root, ...proof].every((hash) => hash.length === HASH_BYTES)) return false;
  let node = index;
  let last = size - 1n;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0n) return false;
    if ((node & 1n) === 1n || node === last) {
      hash = nodeHash(sibling, hash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && hash.equals(root);
}
