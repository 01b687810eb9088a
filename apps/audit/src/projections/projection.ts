import type { Topic } from '#libs/contracts/topics.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

/** A sealed entry as projections read it. */
export interface ProjectedEntry {
  readonly chain: number;
  readonly seq: bigint;
  readonly type: string;
  readonly payload: Buffer;
}

/** A view of the ledger, kept beside it and rebuilt from it. */
export interface Projection {
  /** With the version of its shape: a new shape is a new projection beside the old one. */
  readonly name: string;
  readonly topics: readonly Topic[];
  /**
   * Stores what the entries say, in the caller's transaction; entries of one chain, in order. Returns how
   * many it took and, when it stopped before the end, why: the entry after those cannot be read.
   */
  apply(query: BulkQuery, entries: readonly ProjectedEntry[]): Promise<{ taken: number; problem?: string }>;
}
