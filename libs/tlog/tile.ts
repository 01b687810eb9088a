import { foldSubtrees } from './compact-range.js';
import { HASH_BYTES, nodeHash } from './hashing.js';
import type { TreeNode } from './tree-nodes.js';

/** C2SP tlog-tiles: a full tile holds 256 hashes, so one level of tiles is eight levels of the tree. */
export const TILE_WIDTH = 256;
/** Levels of the tree in one level of tiles. */
export const TILE_HEIGHT = 8;
const MAX_LEVEL = 63;

/** Tile `n` of a level with its first `width` hashes; 256 is a full tile. */
export interface Tile {
  /** A level of hashes, or the entries themselves. */
  readonly level: number | 'entries';
  readonly n: bigint;
  readonly width: number;
}

/** `tile/<L>/<N>[.p/<W>]`: N in groups of three digits, all but the last with `x`. */
export function tilePath({ level, n, width }: Tile): string {
  const digits = n.toString();
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const groups = padded.match(/[0-9]{3}/g) as string[];
  const path = groups.map((group, index) => (index < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

const TILE_PATH =
  /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,6}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** undefined for anything but the one way a tile is named: no leading zeros, no width 0 or 256. */
export function parseTilePath(path: string): Tile | undefined {
  const match = TILE_PATH.exec(path);
  if (match === null) return undefined;
  const level: Tile['level'] = match[1] === 'entries' ? 'entries' : Number(match[1]);
  const n = BigInt((match[2] as string).replaceAll(/[x/]/g, ''));
  const width = match[3] === undefined ? TILE_WIDTH : Number(match[3]);
  if (level !== 'entries' && level > MAX_LEVEL) return undefined;
  if (match[3] !== undefined && width >= TILE_WIDTH) return undefined;
  const tile: Tile = { level, n, width };
  return tilePath(tile) === path ? tile : undefined;
}

/** How many hashes stand at a level of tiles in a tree of that size: whole subtrees only. */
export const hashesAtLevel = (size: bigint, level: number): bigint => size >> BigInt(TILE_HEIGHT * level);

/** Whether the tile exists in a tree of that size. */
export const tileExists = (tile: Tile, size: bigint): boolean =>
  tile.n * BigInt(TILE_WIDTH) + BigInt(tile.width) <=
  hashesAtLevel(size, tile.level === 'entries' ? 0 : tile.level);

/** The root of a full tile: one hash of the level above. */
export function fullTileRoot(hashes: Buffer): Buffer {
  if (hashes.length !== TILE_WIDTH * HASH_BYTES) throw new RangeError('not a full tile');
  return perfectRoot(hashes, 0, TILE_WIDTH);
}

/** The place of a tree node in the tiles: the root of `width` hashes from `offset` on. */
export interface TilePlace {
  readonly level: number;
  readonly n: bigint;
  readonly offset: number;
  readonly width: number;
}

export function tilePlaceOf({ level, index }: TreeNode): TilePlace {
  const above = level % TILE_HEIGHT;
  const first = index << BigInt(above);
  return {
    level: Math.floor(level / TILE_HEIGHT),
    n: first >> BigInt(TILE_HEIGHT),
    offset: Number(first & BigInt(TILE_WIDTH - 1)),
    width: 1 << above,
  };
}

/** The hash of a tree node, from the bytes of the tile it stands in. Throws a RangeError when the tile is too short. */
export function nodeOfTile(hashes: Buffer, { offset, width }: TilePlace): Buffer {
  if ((offset + width) * HASH_BYTES > hashes.length) throw new RangeError('the tile does not reach that far');
  return perfectRoot(hashes, offset, width);
}

/** The subtrees that the last, partial tile of a level adds to a compact range: largest first. */
export function partialTileSubtrees(hashes: Buffer): Buffer[] {
  const subtrees: Buffer[] = [];
  let offset = 0;
  for (let width = TILE_WIDTH / 2; width >= 1; width /= 2) {
    if ((hashes.length / HASH_BYTES) & width) {
      subtrees.push(perfectRoot(hashes, offset, width));
      offset += width;
    }
  }
  return subtrees;
}

function perfectRoot(hashes: Buffer, offset: number, width: number): Buffer {
  let row: Buffer[] = [];
  for (let index = offset; index < offset + width; index += 1)
    row.push(hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES));
  while (row.length > 1) {
    const above: Buffer[] = [];
    for (let index = 0; index < row.length; index += 2)
      above.push(nodeHash(row[index] as Buffer, row[index + 1] as Buffer));
    row = above;
  }
  return Buffer.from(foldSubtrees(row));
}
