import type { Chain } from '#libs/ledger/chain.js';
import type { CompactRange } from '#libs/tlog/compact-range.js';
import type { NoteVerifier } from '#libs/tlog/vkey.js';

/** What the signer knows of a chain: its last checkpoint, and the tree as that checkpoint has it. Owned by the signer. */
export interface SignedChain {
  readonly chain: Chain;
  readonly log: NoteVerifier;
  /** Of the last checkpoint; -1 before the first. */
  number: bigint;
  /** At the size of the last checkpoint. */
  range: CompactRange;
  /** Durable in the database and outside it: what is served. */
  served: Buffer | undefined;
  /** Why nothing is signed now. */
  halted: string | undefined;
}
