import { readHashes } from '#libs/ledger/chain-tree.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { encodeBundle } from '#libs/tlog/entry-bundle.js';
import { TILE_WIDTH, tileExists, type Tile } from '#libs/tlog/tile.js';

/**
 * The bytes of a tile or an entry bundle of a tree of that size; undefined when that tree has none. Full
 * tiles are stored; partial ones follow from the level below, so every published size keeps its own.
 */
export async function readTile(
  query: BulkQuery,
  chain: number,
  size: bigint,
  tile: Tile,
): Promise<Buffer | undefined> {
  if (!tileExists(tile, size)) return undefined;
  const begin = tile.n * BigInt(TILE_WIDTH);
  const end = begin + BigInt(tile.width);
  if (tile.level !== 'entries') return Buffer.concat(await readHashes(query, chain, tile.level, begin, end));
  const rows = await query<{ entry: Buffer }>(
    'SELECT entry FROM ledger.entries WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY seq',
    [chain, begin, end],
  );
  return rows.length === tile.width ? encodeBundle(rows.map(({ entry }) => entry)) : undefined;
}
