/** A perfect subtree: the leaves from index * 2^level up to, not including, (index + 1) * 2^level. */
export interface TreeNode {
  readonly level: number;
  readonly index: bigint;
}

/** Leaves from `begin` up to, not including, `end`. */
export interface LeafRange {
  readonly begin: bigint;
  readonly end: bigint;
}

/** Sizes and indexes stay below 2^63, as the C2SP texts ask. */
export const MAX_TREE_SIZE = (1n << 63n) - 1n;

/** The perfect subtrees that make up a range, left to right: their fold is the range's root. */
export function nodesOf({ begin, end }: LeafRange): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let at = begin; at < end;) {
    let level = 0;
    while ((at & ((2n << BigInt(level)) - 1n)) === 0n && at + (2n << BigInt(level)) <= end) level += 1;
    nodes.push({ level, index: at >> BigInt(level) });
    at += 1n << BigInt(level);
  }
  return nodes;
}

/** The largest power of two below n; n is at least 2. */
export function splitPoint(n: bigint): bigint {
  let k = 1n;
  while (k << 1n < n) k <<= 1n;
  return k;
}
