import { sha256 } from '#libs/kernel/hash.js';

/** The checksum beside a chain's epoch and writer, as ledger.claim_check computes it. */
export const claimCheck = (chainId: string, epoch: bigint, writer: string): Buffer =>
  sha256(Buffer.from(`countersign.claim.v1 ${chainId} ${epoch} ${writer}`, 'utf8'));
