import { hash } from 'node:crypto';
import { EMPTY_ROOT, HASH_BYTES } from './hashing.js';
import { TILE_WIDTH } from './tile.js';

/**
 * 32 bytes as text of 32 characters, one for each byte (latin1). Half the time of a hash of a short input
 * goes into making a Buffer for its result; a string costs next to nothing.
 */
export type HashText = string;

const NODE = Buffer.alloc(1 + 2 * HASH_BYTES, 0x01);

/** SHA-256(0x01 ‖ left ‖ right). */
function nodeOf(left: HashText, right: HashText): HashText {
  NODE.write(left, 1, HASH_BYTES, 'latin1');
  NODE.write(right, 1 + HASH_BYTES, HASH_BYTES, 'latin1');
  return hash('sha256', NODE, 'binary');
}

export const hashText = (bytes: Buffer): HashText => bytes.toString('latin1');

export const hashBytes = (text: HashText): Buffer => Buffer.from(text, 'latin1');

/** A tile that has just filled. */
export interface FilledTile {
  readonly level: number;
  readonly n: number;
  readonly hashes: Buffer;
  readonly root: Buffer;
}

/**
 * The tree of RFC 6962 over leaves that come one by one, with the full tiles that fall off on the way: each
 * node is hashed once. Sizes are below 2^53.
 */
export class LeafTree {
  private leaves = 0;
  private readonly subtrees: HashText[] = [];
  private readonly tiles: Buffer[] = [Buffer.alloc(TILE_WIDTH * HASH_BYTES)];

  constructor(private readonly onFull: (tile: FilledTile) => void) {}

  get size(): number {
    return this.leaves;
  }

  append(leaf: HashText): void {
    const { subtrees, tiles } = this;
    (tiles[0] as Buffer).write(leaf, (this.leaves % TILE_WIDTH) * HASH_BYTES, HASH_BYTES, 'latin1');
    let node = leaf;
    let height = 0;
    for (let rest = this.leaves; rest % 2 === 1; rest = (rest - 1) / 2) {
      node = nodeOf(subtrees.pop() as HashText, node);
      height += 1;
      if (height % 8 === 0) this.filled(height / 8 - 1, (rest - 1) / 2, node);
    }
    subtrees.push(node);
    this.leaves += 1;
  }

  root(): Buffer {
    let root = this.subtrees.at(-1);
    if (root === undefined) return EMPTY_ROOT;
    for (let index = this.subtrees.length - 2; index >= 0; index -= 1)
      root = nodeOf(this.subtrees[index] as HashText, root);
    return hashBytes(root);
  }

  /** The compact range: the roots of the perfect subtrees one after the other, largest first. */
  encode(): Buffer {
    return Buffer.concat(this.subtrees.map(hashBytes));
  }

  private filled(level: number, n: number, root: HashText): void {
    const hashes = Buffer.from(this.tiles[level] as Buffer);
    this.onFull({ level, n, hashes, root: hashBytes(root) });
    const above = (this.tiles[level + 1] ??= Buffer.alloc(TILE_WIDTH * HASH_BYTES));
    above.write(root, (n % TILE_WIDTH) * HASH_BYTES, HASH_BYTES, 'latin1');
  }
}
