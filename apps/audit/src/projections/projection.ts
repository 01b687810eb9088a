import type { Topic } from '#libs/contracts/topics.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

/** A sealed entry as projections read it. */
export interface ProjectedEntry {
  readonly chain: number;
  readonly seq: bigint;
  readonly type: string;
  readonly payload: Buffer;
}

/** An entry as the process that sealed it knows it. */
export interface SealedGlance {
  readonly seq: bigint;
  readonly eventId: string;
  readonly type: string;
  /** The event as its payload says; undefined for what is no event. */
  readonly content: unknown;
}

/** Looks at the entries of one chain as they are sealed, in order and without a gap. */
export interface Sieve {
  /** False only where `apply` would store nothing and find no problem. */
  concerns(entry: SealedGlance): boolean;
}

/** A view of the ledger, kept beside it and rebuilt from it. */
export interface Projection {
  /** With the version of its shape: a new shape is a new projection beside the old one. */
  readonly name: string;
  readonly topics: readonly Topic[];
  newSieve(): Sieve;
  /**
   * Stores what the entries say, in the caller's transaction; entries of one chain, in order. What a sieve
   * held back may be missing between them. Returns how many it took and, when it stopped before the end, why:
   * the entry after those cannot be read.
   */
  apply(query: BulkQuery, entries: readonly ProjectedEntry[]): Promise<{ taken: number; problem?: string }>;
}
