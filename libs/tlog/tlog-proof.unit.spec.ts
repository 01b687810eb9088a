import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { formatCheckpoint } from './checkpoint.js';
import { CompactRange } from './compact-range.js';
import { consistencyRanges, proveConsistency } from './consistency-proof.js';
import { leafHash, nodeHash } from './hashing.js';
import { proveInclusion } from './inclusion-proof.js';
import { signNote } from './signed-note.js';
import { checkTlogConsistency, formatTlogConsistency, parseTlogConsistency } from './tlog-consistency.js';
import { checkTlogProof, formatTlogProof, MAX_EXTRA_BYTES, parseTlogProof } from './tlog-proof.js';
import type { TreeNode } from './tree-nodes.js';
import { noteVerifier, type NoteVerifier } from './vkey.js';

const keyOf = (seed: Buffer): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });
const privateKey = keyOf(Buffer.from(Array.from({ length: 32 }, (_, index) => index)));
const log: NoteVerifier = noteVerifier('audit.example/approvals/0', 'log', createPublicKey(privateKey));

const entryAt = (index: number): Buffer => Buffer.from(['one', 'two', 'three'][index] ?? `entry ${index}`);

const rangeOf = (begin: number, end: number): CompactRange => {
  const range = CompactRange.empty();
  for (let index = begin; index < end; index += 1) range.append(leafHash(entryAt(index)));
  return range;
};

const read = ({ level, index }: TreeNode): Buffer => {
  const begin = Number(index) * 2 ** level;
  return rangeOf(begin, begin + 2 ** level).root();
};

const checkpointOf = (size: number): Buffer =>
  signNote(
    formatCheckpoint({ origin: log.name, size: BigInt(size), root: rangeOf(0, size).root() }),
    log,
    privateKey,
  );

const proofOf = (index: number, size: number, extra?: Buffer): Buffer =>
  formatTlogProof({
    extra,
    index: BigInt(index),
    hashes: proveInclusion(BigInt(index), BigInt(size), read),
    checkpoint: checkpointOf(size),
  });

const holds = (file: Buffer, entry: Buffer | undefined): boolean => {
  const proof = parseTlogProof(file);
  const bytes = entry ?? proof?.extra;
  return proof !== undefined && bytes !== undefined && checkTlogProof(proof, bytes, log).ok;
};

describe('a tlog-proof', () => {
  it('has these bytes, for ever', () => {
    expect(proofOf(1, 3, entryAt(1)).toString('utf8')).toBe(
      [
        'c2sp.org/tlog-proof@v1',
        'extra dHdv',
        'index 1',
        leafHash(entryAt(0)).toString('base64'),
        leafHash(entryAt(2)).toString('base64'),
        '',
        'audit.example/approvals/0',
        '3',
        'Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=',
        '',
        '— audit.example/approvals/0 +SEni9gGw44TVNaxZnBbf7KBcQMxpIMar0P2BwJWpJZfvIqeDHGNJWL1kL8zBFc98s3S8E6pR3nkNQ4X8HEsd6KG2AM=',
        '',
      ].join('\n'),
    );
  });

  it('is read back as it was written, and shows every entry of the log', () => {
    for (const size of [1, 2, 3, 7, 20])
      for (let index = 0; index < size; index += 1) {
        const file = proofOf(index, size, entryAt(index));
        expect(
          formatTlogProof(parseTlogProof(file) as NonNullable<ReturnType<typeof parseTlogProof>>),
        ).toEqual(file);
        expect(holds(file, undefined)).toBe(true);
        expect(holds(proofOf(index, size), entryAt(index))).toBe(true);
      }
  });

  it('never holds with any bit of it, or of the entry, changed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), (size, pick, bit) => {
        const index = pick % size;
        const file = proofOf(index, size, entryAt(index));
        const changed = Buffer.from(file);
        const at = (bit >> 3) % changed.length;
        changed[at] = (changed[at] as number) ^ (1 << (bit & 7));
        expect(holds(changed, undefined)).toBe(false);
        expect(holds(file, Buffer.concat([entryAt(index), Buffer.from('x')]))).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('never takes an inner node for an entry', () => {
    const left = Buffer.concat([leafHash(entryAt(0)), leafHash(entryAt(1))]);
    const proof = {
      extra: undefined,
      index: 0n,
      hashes: [read({ level: 1, index: 1n })],
      checkpoint: checkpointOf(4),
    };
    expect(nodeHash(leafHash(entryAt(0)), leafHash(entryAt(1)))).toEqual(read({ level: 1, index: 0n }));
    expect(checkTlogProof(proof, left, log)).toEqual({ ok: false, problem: 'PROOF_INVALID' });
  });

  it('has no place in an empty log, at or above its size, nor at 2^63', () => {
    const of = (index: string, size: number): unknown => {
      const parsed = parseTlogProof(
        Buffer.concat([Buffer.from(`c2sp.org/tlog-proof@v1\nindex ${index}\n\n`), checkpointOf(size)]),
      );
      return parsed === undefined ? 'unread' : checkTlogProof(parsed, entryAt(0), log);
    };
    expect(of('0', 1)).toMatchObject({ ok: true });
    for (const [index, size] of [
      ['0', 0],
      ['1', 1],
      ['9223372036854775808', 1],
    ] as const)
      expect(of(index, size)).toEqual({ ok: false, problem: 'PROOF_INVALID' });
    expect(of('18446744073709551616', 1)).toBe('unread');
  });

  it('has one form: no CR, no leading zero, no other header, base64 exact', () => {
    const good = proofOf(1, 3, entryAt(1)).toString('utf8');
    for (const [from, to] of [
      ['index 1\n', 'index 1\r\n'],
      ['index 1\n', 'index 01\n'],
      ['index 1\n', 'index +1\n'],
      ['index 1\n', 'index 1 \n'],
      ['@v1', '@v2'],
      ['extra dHdv', 'extra dHdw=='],
      ['extra dHdv\n', 'extra dHdv\nextra dHdv\n'],
      ['extra dHdv\n', 'Extra dHdv\n'],
      ['=\n\naudit', '\n\naudit'],
      ['c2sp', '\nc2sp'],
    ] as const) {
      expect(good).toContain(from);
      expect([from, to, holds(Buffer.from(good.replace(from, to)), entryAt(1))]).toEqual([from, to, false]);
    }
    expect(() => proofOf(0, 1, Buffer.alloc(MAX_EXTRA_BYTES + 1))).toThrow(RangeError);
  });
});

describe('a consistency proof', () => {
  const growth = (from: number, to: number): Buffer =>
    formatTlogConsistency({
      oldSize: BigInt(from),
      hashes: proveConsistency(BigInt(from), BigInt(to), read),
      checkpoint: checkpointOf(to),
    });
  const grew = (file: Buffer, old: Buffer): boolean => {
    const proof = parseTlogConsistency(file);
    return proof !== undefined && checkTlogConsistency(proof, old, log).ok;
  };

  it('shows growth between any two checkpoints, and nothing with any bit changed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), (to, pick, bit) => {
        const from = 1 + (pick % to);
        const file = growth(from, to);
        const old = checkpointOf(from);
        expect(consistencyRanges(BigInt(from), BigInt(to)).length).toBeLessThanOrEqual(63);
        expect(grew(file, old)).toBe(true);
        for (const [first, second] of [
          [file, old],
          [old, file],
        ] as const) {
          const changed = Buffer.from(first);
          const at = (bit >> 3) % changed.length;
          changed[at] = (changed[at] as number) ^ (1 << (bit & 7));
          expect(first === file ? grew(changed, second) : grew(second, changed)).toBe(false);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('calls two roots of one size what they are', () => {
    const other = signNote(
      formatCheckpoint({ origin: log.name, size: 3n, root: rangeOf(1, 4).root() }),
      log,
      privateKey,
    );
    const proof = parseTlogConsistency(growth(3, 3)) as NonNullable<ReturnType<typeof parseTlogConsistency>>;
    expect(checkTlogConsistency(proof, other, log)).toMatchObject({ ok: false, problem: 'FORK_EVIDENCE' });
  });
});
