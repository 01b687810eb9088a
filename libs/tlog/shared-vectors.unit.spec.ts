import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseCheckpoint, openCheckpoint } from './checkpoint.js';
import { CompactRange } from './compact-range.js';
import { verifyConsistency } from './consistency-proof.js';
import { leafHash } from './hashing.js';
import { verifyInclusion } from './inclusion-proof.js';
import { parseVkey, type NoteVerifier } from './vkey.js';

/** Vectors made by others; they are not part of this repository. */
const shared = process.env['COUNTERSIGN_SHARED'];
const folder = shared === undefined ? undefined : path.join(shared, 'vectors', 'tlog');
const present = folder !== undefined && existsSync(folder);
if (!present) {
  process.stderr.write(
    'LEFT OUT: the third-party transparency-log vectors. Set COUNTERSIGN_SHARED to the folder that holds vectors/tlog.\n',
  );
}
const withVectors = present ? describe : describe.skip;

const read = (name: string): string => readFileSync(path.join(folder as string, name), 'utf8');
const bytes = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');

interface Case {
  case: string;
  wantErr: boolean;
  proof: string[] | null;
  [field: string]: unknown;
}

const cases = (name: string): Case[] =>
  read(name)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Case);

withVectors('the vectors of others', () => {
  it('agree on inclusion proofs', () => {
    const all = cases('inclusion.jsonl');
    expect(all.length).toBe(98);
    for (const one of all) {
      const held = verifyInclusion(
        BigInt(one['leafIdx'] as string),
        BigInt(one['treeSize'] as string),
        bytes(one['leafHash'] as string),
        (one.proof ?? []).map(bytes),
        bytes(one['root'] as string),
      );
      expect([one.case, held]).toEqual([one.case, !one.wantErr]);
    }
  });

  it('agree on consistency proofs', () => {
    const all = cases('consistency.jsonl');
    expect(all.length).toBe(98);
    for (const one of all) {
      const held = verifyConsistency(
        BigInt(one['size1'] as string),
        BigInt(one['size2'] as string),
        (one.proof ?? []).map(bytes),
        bytes(one['root1'] as string),
        bytes(one['root2'] as string),
      );
      expect([one.case, held]).toEqual([one.case, !one.wantErr]);
    }
  });

  it('agree on a whole log: every root and every signature', () => {
    const golden = JSON.parse(read('golden-log.json')) as {
      vkey: string;
      entriesHex: string[];
      checkpoints: string[];
    };
    const log = parseVkey(golden.vkey) as NoteVerifier;
    expect(golden.checkpoints.length).toBe(16);
    const range = CompactRange.empty();
    for (const [size, note] of golden.checkpoints.entries()) {
      const opened = openCheckpoint(Buffer.from(note), log);
      expect(opened).toEqual({
        ok: true,
        checkpoint: { origin: log.name, size: BigInt(size), root: range.root() },
      });
      expect(parseCheckpoint(note)).toBeUndefined();
      const entry = golden.entriesHex[size];
      if (entry !== undefined) range.append(leafHash(Buffer.from(entry, 'hex')));
    }
  });
});
