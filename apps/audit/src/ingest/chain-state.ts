import type { ChainTree } from '#libs/ledger/chain-tree.js';

/** Where records of a chain come from now. */
export interface ChainSource {
  readonly cluster: string;
  readonly topicId: string;
  readonly partition: number;
}

/**
 * What a writer knows of a chain it has claimed. Never changed in place: a batch makes the next state,
 * which counts only after its commit. After any error it is dropped and read again from the database.
 */
export interface ChainState {
  readonly chain: number;
  readonly name: string;
  readonly chainId: string;
  readonly epoch: bigint;
  readonly size: bigint;
  /** The leaf hash of the last entry, or the genesis hash. */
  readonly head: Buffer;
  readonly tree: ChainTree;
  /** Of the last entry, microseconds since 1970. */
  readonly recordedAt: bigint;
  readonly source: ChainSource;
  readonly nextOffset: bigint;
  /** Of the last record; -1 where none is known. */
  readonly leaderEpoch: number;
  /** The next number of each producer seen. */
  readonly producers: ReadonlyMap<string, bigint>;
}
