import type { ChainTree } from '#libs/ledger/chain-tree.js';
import { TILE_HEIGHT, TILE_WIDTH } from '#libs/tlog/tile.js';

/** A tile that a batch has filled. */
export interface FullTile {
  readonly level: number;
  readonly n: bigint;
  readonly root: Buffer;
  readonly hashes: Buffer;
}

/** The tree with the leaves appended, and the tiles that became full. The tree given stays as it is. */
export function growTree(
  tree: ChainTree,
  leaves: readonly Buffer[],
): { tree: ChainTree; fullTiles: FullTile[] } {
  const range = tree.range.copy();
  const partialTiles = tree.partialTiles.map((hashes) => [...hashes]);
  const fullTiles: FullTile[] = [];
  for (const leaf of leaves) {
    // A tile's root is a node that the compact range makes anyway: nothing is hashed twice.
    let { size: index } = range;
    let hash = leaf;
    let level = 0;
    const roots = new Map<number, Buffer>();
    range.append(leaf, (height, node) => {
      if (height % TILE_HEIGHT === 0) roots.set(height / TILE_HEIGHT, node);
    });
    for (;;) {
      const hashes = (partialTiles[level] ??= []);
      hashes.push(hash);
      if (hashes.length < TILE_WIDTH) break;
      level += 1;
      const root = roots.get(level) as Buffer;
      index /= BigInt(TILE_WIDTH);
      fullTiles.push({ level: level - 1, n: index, root, hashes: Buffer.concat(hashes) });
      partialTiles[level - 1] = [];
      hash = root;
    }
  }
  return { tree: { range, partialTiles }, fullTiles };
}
