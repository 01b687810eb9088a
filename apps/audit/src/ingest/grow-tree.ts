import type { ChainTree } from '#libs/ledger/chain-tree.js';
import { fullTileRoot, TILE_WIDTH } from '#libs/tlog/tile.js';

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
  const push = (level: number, index: bigint, hash: Buffer): void => {
    const hashes = (partialTiles[level] ??= []);
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    const bytes = Buffer.concat(hashes);
    const root = fullTileRoot(bytes);
    const n = index / BigInt(TILE_WIDTH);
    fullTiles.push({ level, n, root, hashes: bytes });
    partialTiles[level] = [];
    push(level + 1, n, root);
  };
  for (const leaf of leaves) {
    push(0, range.size, leaf);
    range.append(leaf);
  }
  return { tree: { range, partialTiles }, fullTiles };
}
