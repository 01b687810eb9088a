import fc from 'fast-check';
import { CompactRange, foldSubtrees } from './compact-range.js';
import { decodeBundle, encodeBundle } from './entry-bundle.js';
import { leafHash } from './hashing.js';
import { proveConsistency, verifyConsistency } from './consistency-proof.js';
import { proveInclusion, verifyInclusion } from './inclusion-proof.js';
import {
  fullTileRoot,
  hashesAtLevel,
  nodeOfTile,
  parseTilePath,
  partialTileSubtrees,
  tileExists,
  tilePath,
  tilePlaceOf,
} from './tile.js';
import type { TreeNode } from './tree-nodes.js';

describe('tile paths', () => {
  it('are coded as tlog-tiles says', () => {
    expect(tilePath({ level: 0, n: 1_234_067n, width: 256 })).toBe('tile/0/x001/x234/067');
    expect(tilePath({ level: 0, n: 0n, width: 256 })).toBe('tile/0/000');
    expect(tilePath({ level: 3, n: 999n, width: 1 })).toBe('tile/3/999.p/1');
    expect(tilePath({ level: 'entries', n: 1_000n, width: 255 })).toBe('tile/entries/x001/000.p/255');
  });

  it('are read back, every one', () => {
    const level = fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const));
    fc.assert(
      fc.property(level, fc.bigInt(0n, (1n << 55n) - 1n), fc.integer({ min: 1, max: 256 }), (l, n, width) => {
        const tile = { level: l, n, width };
        expect(parseTilePath(tilePath(tile))).toEqual(tile);
      }),
    );
  });

  it('have no second form', () => {
    for (const path of [
      'tile/00/000',
      'tile/64/000',
      'tile/0/0',
      'tile/0/0000',
      'tile/0/x000/001',
      'tile/0/001/067',
      'tile/0/x001/x067',
      'tile/0/000.p/0',
      'tile/0/000.p/256',
      'tile/0/000.p/01',
      'tile/0/000.p/',
      'tile/0/000/',
      '/tile/0/000',
      'tile/Entries/000',
      'tile/0/000\n',
      'tile/-1/000',
    ])
      expect([path, parseTilePath(path)]).toEqual([path, undefined]);
  });

  it('name what exists at a size: full tiles of the level below only', () => {
    expect(tileExists({ level: 0, n: 0n, width: 255 }, 255n)).toBe(true);
    expect(tileExists({ level: 0, n: 0n, width: 256 }, 255n)).toBe(false);
    expect(tileExists({ level: 1, n: 0n, width: 1 }, 256n)).toBe(true);
    expect(tileExists({ level: 1, n: 0n, width: 1 }, 255n)).toBe(false);
    expect(tileExists({ level: 'entries', n: 1n, width: 1 }, 257n)).toBe(true);
    expect(tileExists({ level: 'entries', n: 1n, width: 2 }, 257n)).toBe(false);
  });
});

/** Tiles of a log, kept the way the writer keeps them: hashes of each level, tile by tile. */
function tilesOf(size: number): (level: number, n: bigint) => Buffer {
  const levels: Buffer[][] = [[]];
  const push = (level: number, hash: Buffer): void => {
    const row = (levels[level] ??= []);
    row.push(hash);
    if (row.length % 256 === 0) push(level + 1, fullTileRoot(Buffer.concat(row.slice(-256))));
  };
  for (let index = 0; index < size; index += 1) push(0, leafHash(Buffer.from(`entry ${index}`)));
  return (level, n) => Buffer.concat((levels[level] ?? []).slice(Number(n) * 256, Number(n) * 256 + 256));
}

const rootOf = (size: number): Buffer => {
  const range = CompactRange.empty();
  for (let index = 0; index < size; index += 1) range.append(leafHash(Buffer.from(`entry ${index}`)));
  return range.root();
};

describe('tiles', () => {
  it('give the same tree as the compact range', () => {
    for (const size of [1, 2, 255, 256, 257, 511, 700, 65_535, 65_536, 65_793]) {
      const tiles = tilesOf(size);
      const subtrees: Buffer[] = [];
      for (let level = 2; level >= 0; level -= 1) {
        const count = hashesAtLevel(BigInt(size), level);
        const partial = tiles(level, count / 256n).subarray(0, Number(count % 256n) * 32);
        subtrees.push(...partialTileSubtrees(partial));
      }
      expect(foldSubtrees(subtrees)).toEqual(rootOf(size));
      expect(CompactRange.of(BigInt(size), subtrees).root()).toEqual(rootOf(size));
    }
  });

  it('carry proofs at any index and between any sizes', () => {
    const size = 66_000;
    const tiles = tilesOf(size);
    const root = rootOf(size);
    const reader = (node: TreeNode): Buffer => {
      const place = tilePlaceOf(node);
      return nodeOfTile(tiles(place.level, place.n), place);
    };
    for (const index of [0, 1, 255, 256, 65_535, 65_536, size - 1]) {
      const proof = proveInclusion(BigInt(index), BigInt(size), reader);
      const leaf = leafHash(Buffer.from(`entry ${index}`));
      expect(verifyInclusion(BigInt(index), BigInt(size), leaf, proof, root)).toBe(true);
    }
    for (const older of [1, 3, 256, 40_000, 65_536]) {
      const proof = proveConsistency(BigInt(older), BigInt(size), reader);
      expect(verifyConsistency(BigInt(older), BigInt(size), proof, rootOf(older), root)).toBe(true);
    }
  });
});

describe('entry bundles', () => {
  it('hold entries with their lengths, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (entries) => {
        const buffers = entries.map((entry) => Buffer.from(entry));
        expect(decodeBundle(encodeBundle(buffers))).toEqual(buffers);
      }),
    );
    expect(decodeBundle(Buffer.from([0]))).toBeUndefined();
    expect(decodeBundle(Buffer.from([0, 2, 7]))).toBeUndefined();
    expect(() => encodeBundle([Buffer.alloc(65_536)])).toThrow(RangeError);
  });
});
