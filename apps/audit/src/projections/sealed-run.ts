import type { SealedGlance, Sieve } from './projection.js';

/** What is remembered of one chain while the projection does not come: beyond it, the entries are read. */
const MOST_REMEMBERED = 10_000;

/** Entries that follow each other, up to but without `end`, and the places of those that concern a projection. */
export interface KnownEntries {
  readonly seqs: readonly bigint[];
  readonly end: bigint;
}

/**
 * What this process knows of one chain because it sealed it itself: most entries concern no projection, and
 * need not be read for it again. In memory only, and only of one run without a gap: whatever is not known is
 * read from the ledger.
 */
export class SealedRun {
  private begin = 0n;
  private end = 0n;
  private seqs: bigint[] = [];
  private sieve: Sieve;

  constructor(private readonly newSieve: () => Sieve) {
    this.sieve = newSieve();
  }

  /** Entries that are stored, in order. */
  add(entries: readonly SealedGlance[]): void {
    const first = entries[0];
    if (first === undefined) return;
    if (first.seq !== this.end || this.seqs.length + entries.length > MOST_REMEMBERED) {
      // Somebody else sealed what is between, or it is unknown whether we did.
      if (first.seq !== this.end) this.sieve = this.newSieve();
      this.begin = first.seq;
      this.seqs = [];
    }
    for (const entry of entries) if (this.sieve.concerns(entry)) this.seqs.push(entry.seq);
    this.end = (entries.at(-1) as SealedGlance).seq + 1n;
  }

  /**
   * What is known from `seq` on, `most` places at the most; undefined where it is nothing. What is before
   * `seq` is forgotten.
   */
  from(seq: bigint, most: number): KnownEntries | undefined {
    if (seq < this.begin || seq >= this.end) return undefined;
    this.begin = seq;
    this.seqs = this.seqs.filter((known) => known >= seq);
    return { seqs: this.seqs.slice(0, most), end: this.seqs[most] ?? this.end };
  }
}
