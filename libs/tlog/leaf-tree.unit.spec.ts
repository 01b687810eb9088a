import fc from 'fast-check';
import { CompactRange } from './compact-range.js';
import { leafHash } from './hashing.js';
import { hashText, LeafTree, type FilledTile } from './leaf-tree.js';
import { fullTileRoot } from './tile.js';

const leafAt = (index: number): Buffer => leafHash(Buffer.from(`entry ${index}`));

describe('the tree of the verifier', () => {
  it('is the compact range, and drops the tiles, at every size', () => {
    const tiles: FilledTile[] = [];
    const tree = new LeafTree((tile) => void tiles.push(tile));
    const range = CompactRange.empty();
    const leaves: Buffer[] = [];
    for (let size = 0; size < 66_100; size += 1) {
      if (size < 520 || size % 5_003 === 0 || Math.abs(size - 65_536) < 3) {
        expect(tree.root()).toEqual(range.root());
        expect(tree.encode()).toEqual(range.encode());
      }
      const leaf = leafAt(size);
      leaves.push(leaf);
      tree.append(hashText(leaf));
      range.append(leaf);
    }
    expect(tiles.filter(({ level }) => level === 0)).toHaveLength(258);
    expect(tiles.filter(({ level }) => level === 1)).toHaveLength(1);
    for (const { level, n, hashes, root } of tiles) {
      expect(root).toEqual(fullTileRoot(hashes));
      if (level === 0) expect(hashes).toEqual(Buffer.concat(leaves.slice(n * 256, n * 256 + 256)));
      else
        expect(hashes).toEqual(
          Buffer.concat(tiles.filter((tile) => tile.level === level - 1).map((tile) => tile.root)).subarray(
            0,
            8192,
          ),
        );
    }
  });

  it('has one root for any leaves, whatever their bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 60 }), (leaves) => {
        const tree = new LeafTree(() => undefined);
        const range = CompactRange.empty();
        for (const leaf of leaves.map((bytes) => Buffer.from(bytes))) {
          tree.append(hashText(leaf));
          range.append(leaf);
        }
        expect(tree.root()).toEqual(range.root());
      }),
    );
  });
});
