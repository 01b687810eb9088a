import { CodedError } from '#libs/kernel/coded-error.js';
import { CompactRange } from '#libs/tlog/compact-range.js';
import { HASH_BYTES } from '#libs/tlog/hashing.js';
import { hashesAtLevel, partialTileSubtrees, TILE_WIDTH } from '#libs/tlog/tile.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

/** The right edge of a chain's tree: what is needed to append to it and to know its root. */
export interface ChainTree {
  readonly range: CompactRange;
  /** The hashes of the last, partial tile of each level, level 0 first; each may be empty. */
  readonly partialTiles: readonly (readonly Buffer[])[];
}

/** Reads the tree as it was at `size`, from leaf hashes and tiles. Throws LEDGER_INCOMPLETE when some are missing. */
export async function readChainTree(query: BulkQuery, chain: number, size: bigint): Promise<ChainTree> {
  const partialTiles: Buffer[][] = [];
  const subtrees: Buffer[] = [];
  for (let level = 0; hashesAtLevel(size, level) > 0n; level += 1) {
    const end = hashesAtLevel(size, level);
    const begin = end - (end % BigInt(TILE_WIDTH));
    const hashes = await readHashes(query, chain, level, begin, end);
    partialTiles.push(hashes);
    subtrees.unshift(...partialTileSubtrees(Buffer.concat(hashes)));
  }
  return { range: CompactRange.of(size, subtrees), partialTiles };
}

/** Hashes `begin` up to, not including, `end` of a level of tiles. */
export async function readHashes(
  query: BulkQuery,
  chain: number,
  level: number,
  begin: bigint,
  end: bigint,
): Promise<Buffer[]> {
  if (begin === end) return [];
  const rows =
    level === 0
      ? await query<{ hash: Buffer }>(
          'SELECT leaf AS hash FROM ledger.entries WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY seq',
          [chain, begin, end],
        )
      : await query<{ hash: Buffer }>(
          'SELECT root AS hash FROM ledger.tiles WHERE chain = $1 AND level = $2 AND n >= $3 AND n < $4 ORDER BY n',
          [chain, level - 1, begin, end],
        );
  if (BigInt(rows.length) !== end - begin || rows.some((row) => row.hash?.length !== HASH_BYTES)) {
    throw new CodedError(
      'LEDGER_INCOMPLETE',
      `chain ${chain}: level ${level} lacks hashes between ${begin} and ${end}`,
    );
  }
  return rows.map((row) => row.hash);
}
