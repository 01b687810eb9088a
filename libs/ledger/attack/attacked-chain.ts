import type { KeyObject } from 'node:crypto';
import type { NoteVerifier } from '#libs/tlog/vkey.js';

/** A chain of the copy. Its notes are signed with a key made for the copy, which the attacker has stolen. */
export interface AttackedChain {
  readonly chain: number;
  readonly name: string;
  readonly log: NoteVerifier;
  readonly stolenKey: KeyObject;
  /** The entries. */
  readonly size: number;
  /** Sizes of its checkpoints, smallest first. */
  readonly checkpoints: readonly number[];
}
