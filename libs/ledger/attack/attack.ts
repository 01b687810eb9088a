import type { PgClient } from '#libs/postgres/client.js';
import type { Finding, FindingKind } from '../verify/finding.js';
import type { AttackedChain } from './attacked-chain.js';
import type { Random } from './random.js';

/** What must be found at the least; `seq` where the attack has a place. */
export interface ExpectedFinding {
  readonly kind: FindingKind;
  readonly seq?: number;
}

/** What an attack may use. */
export interface Stage {
  readonly client: PgClient;
  readonly url: string;
  readonly random: Random;
  /** Replaces the copy outside of a chain until the attack is over. */
  pin(chain: AttackedChain, note: Buffer): Promise<void>;
  /** What the verifier finds in the database now. */
  verify(): Promise<readonly Finding[]>;
}

export interface Played {
  /** Where, in words: `entry 17`. */
  readonly placement: string;
  readonly expected: readonly ExpectedFinding[];
  /** What was found where it is not the database that is attacked; else the database is verified. */
  readonly found?: readonly Finding[];
}

/** One line of the table in docs/verifying.md. */
export interface Attack {
  readonly name: string;
  /** Whether a chain is large enough to be attacked like this. */
  readonly fits: (chain: AttackedChain) => boolean;
  readonly play: (stage: Stage, chain: AttackedChain) => Promise<Played>;
}

export const lastOf = (size: number): number => Math.max(0, size - 1);

/** The first checkpoint that covers an entry; its root is the first one that must differ. */
export const coveringSize = (chain: AttackedChain, seq: number): number =>
  chain.checkpoints.find((size) => size > seq) ?? chain.size;

export const signedSize = (chain: AttackedChain): number => chain.checkpoints.at(-1) ?? 0;
