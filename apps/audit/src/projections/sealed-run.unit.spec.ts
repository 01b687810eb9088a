import type { SealedGlance } from './projection.js';
import { SealedRun } from './sealed-run.js';

/** Entries from a place on; those of type `c` concern. */
const entries = (from: number, types: string): SealedGlance[] =>
  [...types].map((type, n) => ({ seq: BigInt(from + n), eventId: '', type, content: undefined }));

const newRun = (): SealedRun => new SealedRun(() => ({ concerns: ({ type }) => type === 'c' }));

describe('what a process knows of a chain that it seals', () => {
  it('is where the entries are that concern the projection, and how far it knows', () => {
    const run = newRun();
    run.add(entries(0, '.c.'));
    run.add(entries(3, 'c..'));
    expect(run.from(0n, 10)).toEqual({ seqs: [1n, 3n], end: 6n });
    expect(run.from(2n, 10)).toEqual({ seqs: [3n], end: 6n });
    expect(run.from(4n, 10)).toEqual({ seqs: [], end: 6n });
  });

  it('is nothing of what was sealed before it began, nor of what is not sealed yet', () => {
    const run = newRun();
    expect(run.from(0n, 10)).toBeUndefined();
    run.add(entries(5, '..'));
    expect(run.from(4n, 10)).toBeUndefined();
    expect(run.from(5n, 10)).toEqual({ seqs: [], end: 7n });
    expect(run.from(7n, 10)).toBeUndefined();
  });

  it('begins again behind a gap', () => {
    const run = newRun();
    run.add(entries(0, 'c.'));
    run.add(entries(3, '.c'));
    expect(run.from(0n, 10)).toBeUndefined();
    expect(run.from(3n, 10)).toEqual({ seqs: [4n], end: 5n });
  });

  it('is given in parts that end where the next one begins', () => {
    const run = newRun();
    run.add(entries(0, 'c.c.c.'));
    expect(run.from(0n, 2)).toEqual({ seqs: [0n, 2n], end: 4n });
    expect(run.from(4n, 2)).toEqual({ seqs: [4n], end: 6n });
  });

  it('does not go back: a projection that begins again reads the ledger', () => {
    const run = newRun();
    run.add(entries(0, 'cc'));
    run.from(1n, 10);
    expect(run.from(0n, 10)).toBeUndefined();
  });

  it('is bounded while the projection does not come', () => {
    const run = newRun();
    run.add(entries(0, 'c'.repeat(9_000)));
    run.add(entries(9_000, 'c'.repeat(2_000)));
    expect(run.from(0n, 10)).toBeUndefined();
    expect(run.from(9_000n, 1)).toEqual({ seqs: [9_000n], end: 9_001n });
  });
});
