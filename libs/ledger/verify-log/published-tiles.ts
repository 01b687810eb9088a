import { HASH_BYTES } from '#libs/tlog/hashing.js';
import { fullTileRoot, hashesAtLevel, TILE_WIDTH, tilePath, type Tile } from '#libs/tlog/tile.js';
import type { Findings } from '../verify/finding.js';
import type { LogReader } from './log-reader.js';

const WIDTH = BigInt(TILE_WIDTH);

/** Builds the tiles of a log of that size from its leaves and compares them with those it serves. */
export class PublishedTiles {
  private readonly levels: Buffer[][] = [];
  private readonly counts: bigint[] = [];

  constructor(
    private readonly reader: LogReader,
    private readonly chain: string,
    private readonly findings: Findings,
  ) {}

  async append(leaf: Buffer, level = 0): Promise<void> {
    const hashes = (this.levels[level] ??= []);
    hashes.push(leaf);
    if (hashes.length < TILE_WIDTH) return;
    const bytes = Buffer.concat(hashes);
    const n = this.counts[level] ?? 0n;
    this.counts[level] = n + 1n;
    this.levels[level] = [];
    await this.compare({ level, n, width: TILE_WIDTH }, bytes);
    await this.append(fullTileRoot(bytes), level + 1);
  }

  /** After the last leaf: the partial tiles of the right edge. */
  async end(size: bigint): Promise<void> {
    for (let level = 0; hashesAtLevel(size, level) > 0n; level += 1) {
      const hashes = this.levels[level] ?? [];
      if (hashes.length > 0)
        await this.compare(
          { level, n: this.counts[level] ?? 0n, width: hashes.length },
          Buffer.concat(hashes),
        );
    }
  }

  private async compare(tile: Tile & { readonly level: number }, expected: Buffer): Promise<void> {
    const served = await readTileBytes(this.reader, tile, TILE_WIDTH * HASH_BYTES);
    const found = served?.subarray(0, expected.length);
    if (found?.equals(expected) === true && (served as Buffer).length % HASH_BYTES === 0) return;
    const at = expected.findIndex((byte, index) => byte !== found?.[index]);
    const hash = tile.n * WIDTH + BigInt(Math.floor(Math.max(0, at) / HASH_BYTES));
    this.findings.add(
      'TILE_MISMATCH',
      this.chain,
      hash * WIDTH ** BigInt(tile.level),
      `${tilePath(tile)}: ${found === undefined ? 'is not served' : 'has other hashes than the entries'}`,
    );
  }
}

/** A partial tile may be gone once the full one exists; then the full one begins with it (C2SP tlog-tiles). */
export async function readTileBytes(
  reader: LogReader,
  tile: Tile,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const bytes = await reader.read(tilePath(tile), maxBytes);
  if (bytes !== undefined || tile.width === TILE_WIDTH) return bytes;
  return reader.read(tilePath({ ...tile, width: TILE_WIDTH }), maxBytes);
}
