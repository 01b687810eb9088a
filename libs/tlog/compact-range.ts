import { EMPTY_ROOT, HASH_BYTES, nodeHash } from './hashing.js';

/**
 * What is needed of a tree to append to it and to know its root: the roots of its perfect subtrees,
 * largest (leftmost) first, one for each set bit of the size. Mutable; owned by whoever made it.
 */
export class CompactRange {
  private constructor(
    private leaves: bigint,
    private readonly subtrees: Buffer[],
  ) {}

  static empty(): CompactRange {
    return new CompactRange(0n, []);
  }

  /** Throws a RangeError when the number of hashes is not the one the size asks for. */
  static of(size: bigint, subtrees: readonly Buffer[]): CompactRange {
    if (size < 0n || subtrees.length !== setBits(size) || subtrees.some((h) => h.length !== HASH_BYTES))
      throw new RangeError(`a compact range of size ${size} has ${setBits(size)} hashes of 32 bytes`);
    return new CompactRange(size, [...subtrees]);
  }

  /** The hashes one after the other, as `encode` wrote them. */
  static decode(size: bigint, bytes: Buffer): CompactRange {
    if (bytes.length % HASH_BYTES !== 0) throw new RangeError('a compact range is a sequence of hashes');
    const subtrees: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += HASH_BYTES) subtrees.push(bytes.subarray(at, at + HASH_BYTES));
    return CompactRange.of(size, subtrees);
  }

  get size(): bigint {
    return this.leaves;
  }

  get hashes(): readonly Buffer[] {
    return this.subtrees;
  }

  /** `onNode` hears of each inner node that the leaf completes, from the lowest up; its height is 1 or more. */
  append(leaf: Buffer, onNode?: (height: number, hash: Buffer) => void): void {
    let hash = leaf;
    let height = 0;
    for (let rest = this.leaves; (rest & 1n) === 1n; rest >>= 1n) {
      hash = nodeHash(this.subtrees.pop() as Buffer, hash);
      height += 1;
      onNode?.(height, hash);
    }
    this.subtrees.push(hash);
    this.leaves += 1n;
  }

  root(): Buffer {
    return foldSubtrees(this.subtrees);
  }

  encode(): Buffer {
    return Buffer.concat(this.subtrees);
  }

  copy(): CompactRange {
    return new CompactRange(this.leaves, [...this.subtrees]);
  }
}

/** The root above perfect subtrees that stand side by side, largest first; of none: the empty root. */
export function foldSubtrees(subtrees: readonly Buffer[]): Buffer {
  let root = subtrees.at(-1);
  if (root === undefined) return EMPTY_ROOT;
  for (let index = subtrees.length - 2; index >= 0; index -= 1)
    root = nodeHash(subtrees[index] as Buffer, root);
  return root;
}

function setBits(size: bigint): number {
  let count = 0;
  for (let rest = size; rest > 0n; rest >>= 1n) count += Number(rest & 1n);
  return count;
}
