import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { NodeReader } from '#libs/tlog/inclusion-proof.js';
import { hashesAtLevel, nodeOfTile, TILE_WIDTH, tilePlaceOf } from '#libs/tlog/tile.js';
import { nodesOf, type LeafRange } from '#libs/tlog/tree-nodes.js';
import { readHashes } from '../chain-tree.js';

/** Reads the tiles that the ranges need, of a tree of that size. Throws LEDGER_INCOMPLETE when some are missing. */
export async function treeReader(
  query: BulkQuery,
  chain: number,
  size: bigint,
  ranges: readonly LeafRange[],
): Promise<NodeReader> {
  const tiles = new Map<string, Buffer>();
  for (const node of ranges.flatMap(nodesOf)) {
    const { level, n } = tilePlaceOf(node);
    const key = `${level}/${n}`;
    if (tiles.has(key)) continue;
    const begin = n * BigInt(TILE_WIDTH);
    const whole = hashesAtLevel(size, level);
    const end = begin + BigInt(TILE_WIDTH) < whole ? begin + BigInt(TILE_WIDTH) : whole;
    tiles.set(key, Buffer.concat(await readHashes(query, chain, level, begin, end)));
  }
  return (node) => {
    const place = tilePlaceOf(node);
    return nodeOfTile(tiles.get(`${place.level}/${place.n}`) ?? Buffer.alloc(0), place);
  };
}
