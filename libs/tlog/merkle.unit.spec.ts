import fc from 'fast-check';
import { CompactRange } from './compact-range.js';
import { proveConsistency, verifyConsistency } from './consistency-proof.js';
import { EMPTY_ROOT, leafHash, nodeHash } from './hashing.js';
import { proveInclusion, verifyInclusion } from './inclusion-proof.js';
import { splitPoint, type TreeNode } from './tree-nodes.js';

const leafAt = (index: number): Buffer => leafHash(Buffer.from(`entry ${index}`));
const leaves = (size: number): Buffer[] => Array.from({ length: size }, (_, index) => leafAt(index));

/** The definition itself (RFC 6962, section 2.1), as slow as it reads. */
function referenceRoot(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return EMPTY_ROOT;
  if (hashes.length === 1) return hashes[0] as Buffer;
  const k = Number(splitPoint(BigInt(hashes.length)));
  return nodeHash(referenceRoot(hashes.slice(0, k)), referenceRoot(hashes.slice(k)));
}

const rangeOf = (hashes: readonly Buffer[]): CompactRange => {
  const range = CompactRange.empty();
  for (const hash of hashes) range.append(hash);
  return range;
};

const readerOf =
  (hashes: readonly Buffer[]) =>
  ({ level, index }: TreeNode): Buffer => {
    const begin = Number(index) * 2 ** level;
    expect(begin + 2 ** level).toBeLessThanOrEqual(hashes.length);
    return referenceRoot(hashes.slice(begin, begin + 2 ** level));
  };

const flip = (bytes: Buffer, bit: number): Buffer => {
  const copy = Buffer.from(bytes);
  const at = (bit >> 3) % copy.length;
  copy[at] = (copy[at] as number) ^ (1 << (bit & 7));
  return copy;
};

describe('the Merkle tree', () => {
  it('has the roots RFC 6962 defines, at every size', () => {
    const range = CompactRange.empty();
    for (let size = 0; size <= 70; size += 1) {
      expect(range.root()).toEqual(referenceRoot(leaves(size)));
      expect(range.size).toBe(BigInt(size));
      range.append(leafAt(size));
    }
  });

  it('has one root for any split of the appends, through encoding and back', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 8 }), (batches) => {
        let range = CompactRange.empty();
        let size = 0;
        for (const batch of batches) {
          for (let n = 0; n < batch; n += 1) range.append(leafAt(size++));
          range = CompactRange.decode(range.size, range.encode());
        }
        expect(range.root()).toEqual(rangeOf(leaves(size)).root());
      }),
    );
  });

  it('refuses a compact range whose hashes do not belong to its size', () => {
    expect(() => CompactRange.of(3n, [leafAt(0)])).toThrow(RangeError);
    expect(() => CompactRange.decode(1n, Buffer.alloc(31))).toThrow(RangeError);
    expect(() => CompactRange.of(1n, [Buffer.alloc(31)])).toThrow(RangeError);
  });

  it('proves every leaf it has, and only there', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90 }), fc.nat(), fc.nat(), (size, pick, other) => {
        const hashes = leaves(size);
        const index = pick % size;
        const root = referenceRoot(hashes);
        const proof = proveInclusion(BigInt(index), BigInt(size), readerOf(hashes));
        const leaf = hashes[index] as Buffer;
        expect(verifyInclusion(BigInt(index), BigInt(size), leaf, proof, root)).toBe(true);
        const wrong = other % size;
        if (wrong !== index)
          expect(verifyInclusion(BigInt(wrong), BigInt(size), leaf, proof, root)).toBe(false);
        expect(verifyInclusion(BigInt(index), BigInt(size), leaf, [...proof, leaf], root)).toBe(false);
        if (proof.length > 0)
          expect(verifyInclusion(BigInt(index), BigInt(size), leaf, proof.slice(1), root)).toBe(false);
      }),
    );
  });

  it('never accepts a mutated inclusion proof', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 90 }), fc.nat(), fc.nat(), fc.nat(), (size, pick, part, bit) => {
        const hashes = leaves(size);
        const index = pick % size;
        const parts = [
          hashes[index] as Buffer,
          referenceRoot(hashes),
          ...proveInclusion(BigInt(index), BigInt(size), readerOf(hashes)),
        ];
        const at = part % parts.length;
        parts[at] = flip(parts[at] as Buffer, bit);
        const [leaf, root, ...proof] = parts as [Buffer, Buffer, ...Buffer[]];
        expect(verifyInclusion(BigInt(index), BigInt(size), leaf, proof, root)).toBe(false);
      }),
    );
  });

  it('proves that it only ever grew', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90 }), fc.nat(), fc.nat(), fc.nat(), (size2, pick, part, bit) => {
        const hashes = leaves(size2);
        const size1 = 1 + (pick % size2);
        const sizes = [BigInt(size1), BigInt(size2)] as const;
        const root1 = referenceRoot(hashes.slice(0, size1));
        const root2 = referenceRoot(hashes);
        const proof = proveConsistency(...sizes, readerOf(hashes));
        expect(verifyConsistency(...sizes, proof, root1, root2)).toBe(true);

        const parts = [root1, root2, ...proof];
        const at = part % parts.length;
        parts[at] = flip(parts[at] as Buffer, bit);
        const [bad1, bad2, ...bad] = parts as [Buffer, Buffer, ...Buffer[]];
        expect(verifyConsistency(...sizes, bad, bad1, bad2)).toBe(false);
        expect(verifyConsistency(...sizes, [...proof, root1], root1, root2)).toBe(false);
      }),
    );
  });

  it('never takes an empty tree, 0 to 0 included, for the beginning of a proof', () => {
    expect(verifyConsistency(0n, 0n, [], EMPTY_ROOT, EMPTY_ROOT)).toBe(false);
    expect(verifyConsistency(0n, 1n, [], EMPTY_ROOT, leafAt(0))).toBe(false);
    expect(() => proveConsistency(0n, 1n, readerOf(leaves(1)))).toThrow(RangeError);
  });

  it('keeps indexes below its size and sizes below 2^63', () => {
    expect(verifyInclusion(1n, 1n, leafAt(0), [], leafAt(0))).toBe(false);
    expect(verifyInclusion(0n, 1n << 63n, leafAt(0), [], leafAt(0))).toBe(false);
    expect(() => proveInclusion(3n, 3n, readerOf(leaves(3)))).toThrow(RangeError);
  });
});
