import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { plainArray } from '#libs/postgres/bulk-pool.js';
import { HASH_BYTES } from '#libs/tlog/hashing.js';
import type { FilledTile } from '#libs/tlog/leaf-tree.js';
import { hashesAtLevel, TILE_WIDTH } from '#libs/tlog/tile.js';
import type { Findings } from './finding.js';

const WIDTH = BigInt(TILE_WIDTH);

/** So many tiles, half a megabyte, are compared by one query. */
const TILES_A_QUERY = 64;

/** Builds the tiles from the entries' own bytes and compares them with the stored ones. */
export class TileCheck {
  private waiting: FilledTile[] = [];

  constructor(
    private readonly query: BulkQuery,
    private readonly chain: { readonly chain: number; readonly name: string },
    private readonly findings: Findings,
  ) {}

  filled(tile: FilledTile): void {
    this.waiting.push(tile);
  }

  /** To be called now and then, so that what waits to be compared stays little. */
  async compareWhenMany(): Promise<void> {
    if (this.waiting.length >= TILES_A_QUERY) await this.compare();
  }

  /** Compares the tiles that filled since the last call. */
  async compare(): Promise<void> {
    if (this.waiting.length === 0) return;
    const rows = await this.query<{ level: number; n: string; root: Buffer | null; hashes: Buffer | null }>(
      `SELECT t.level, t.n::text, t.root, t.hashes FROM ledger.tiles t
       JOIN unnest($2::int[], $3::bigint[]) AS w(level, n) USING (level, n) WHERE t.chain = $1`,
      [
        this.chain.chain,
        plainArray(this.waiting.map(({ level }) => level)),
        plainArray(this.waiting.map(({ n }) => n)),
      ],
    );
    const stored = new Map(rows.map((row) => [`${row.level}/${row.n}`, row]));
    for (const tile of this.waiting) {
      const row = stored.get(`${tile.level}/${tile.n}`);
      const at = firstDifference(tile.hashes, row?.hashes ?? Buffer.alloc(0));
      const covered = WIDTH ** BigInt(tile.level);
      const report = (hash: bigint, detail: string): void =>
        this.findings.add(
          'TILE_MISMATCH',
          this.chain.name,
          (BigInt(tile.n) * WIDTH + hash) * covered,
          `tile ${tile.level}/${tile.n}: ${detail}`,
        );
      if (row === undefined) report(0n, 'is missing');
      else if (at !== undefined)
        report(BigInt(Math.floor(at / HASH_BYTES)), 'has other hashes than the entries');
      else if (row.root?.equals(tile.root) !== true) report(0n, 'has another root than its hashes');
    }
    this.waiting = [];
  }

  /** Tiles that nothing of the chain's size can have made. */
  async findExtra(size: bigint): Promise<void> {
    const rows = await this.query<{ level: number; count: string; low: string; high: string }>(
      `SELECT level, count(*)::text AS count, min(n)::text AS low, max(n)::text AS high
       FROM ledger.tiles WHERE chain = $1 GROUP BY level`,
      [this.chain.chain],
    );
    for (const { level, low, high } of rows) {
      const full = level < 0 || level > 7 ? 0n : hashesAtLevel(size, level + 1);
      if (BigInt(low) < 0n || BigInt(high) >= full)
        this.findings.add(
          'TILE_MISMATCH',
          this.chain.name,
          clamp(BigInt(high) * WIDTH ** BigInt(Math.max(0, Math.min(level, 7)) + 1), size),
          `tile ${level}/${BigInt(low) < 0n ? low : high}: does not belong to a tree of size ${size}`,
        );
    }
  }
}

const clamp = (seq: bigint, size: bigint): bigint =>
  seq < 0n ? 0n : seq >= size ? (size > 0n ? size - 1n : 0n) : seq;

function firstDifference(expected: Buffer, actual: Buffer): number | undefined {
  if (expected.equals(actual)) return undefined;
  const length = Math.min(expected.length, actual.length);
  for (let at = 0; at < length; at += 1) if (expected[at] !== actual[at]) return at;
  return Math.min(length, expected.length - 1);
}
