import { CodedError } from '#libs/kernel/coded-error.js';
import type { Chain } from '#libs/ledger/chain.js';
import { readChainTree } from '#libs/ledger/chain-tree.js';
import { noteName, pinCheckpoint, readTrustFolder, type TrustFolder } from '#libs/ledger/trust-folder.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { openCheckpoint, type Checkpoint } from '#libs/tlog/checkpoint.js';
import { CompactRange } from '#libs/tlog/compact-range.js';
import type { NoteVerifier } from '#libs/tlog/vkey.js';
import { ROLLBACK_RUNBOOK } from './rollback.js';
import type { SignedChain } from './signed-chain.js';

/**
 * Reads where signing stopped, and refuses a database that is not the one that was signed: smaller than
 * the copy outside, or with another history below it (ROLLBACK). Nothing is signed before this passed.
 */
export async function restoreSignedChain(
  query: BulkQuery,
  chain: Chain,
  log: NoteVerifier,
  trust: TrustFolder,
  trustFolder: string,
): Promise<SignedChain> {
  const [head] = await query<{ size: string }>('SELECT size::text FROM ledger.chain_heads WHERE chain = $1', [
    chain.chain,
  ]);
  const [last] = await query<{ number: string; note: Buffer }>(
    'SELECT number::text, note FROM ledger.checkpoints WHERE chain = $1 ORDER BY checkpoints.number DESC LIMIT 1',
    [chain.chain],
  );
  const outside = trust.notes.get(noteName(chain.name));
  const size = BigInt(head?.size ?? 0);
  const signed = last === undefined ? undefined : opened(chain, log, last.note, 'the database');
  if (outside !== undefined) {
    const pinned = opened(chain, log, outside, `${trustFolder}`);
    const reached = signed === undefined ? -1n : signed.size;
    if (size < pinned.size || reached < pinned.size) throw rollback(chain, pinned, size, reached);
    await requireHistory(query, chain, pinned);
  }
  if (signed === undefined || last === undefined)
    return { chain, log, number: -1n, range: CompactRange.empty(), served: undefined, halted: undefined };
  if (size < signed.size) throw rollback(chain, signed, size, signed.size);
  const range = await requireHistory(query, chain, signed);
  // A process that died between the commit and the copy outside left the copy behind.
  const pinned = await pinCheckpoint(trustFolder, chain.name, log, last.note, signed);
  if (!pinned.stored) {
    if (pinned.pinned.size === signed.size) throw rollback(chain, pinned.pinned, size, signed.size);
    // Another instance has signed since this one read the database: what is true now is read again, the
    // copy outside first, so that a database which is really behind it is refused.
    return restoreSignedChain(query, chain, log, await readTrustFolder(trustFolder), trustFolder);
  }
  return { chain, log, number: BigInt(last.number), range, served: last.note, halted: undefined };
}

function opened(chain: Chain, log: NoteVerifier, note: Buffer, where: string): Checkpoint {
  const result = openCheckpoint(note, log);
  if (result.ok) return result.checkpoint;
  throw new CodedError(
    result.problem,
    `chain ${chain.name}: the last checkpoint in ${where} is not good (${result.problem}); ${ROLLBACK_RUNBOOK}`,
  );
}

async function requireHistory(query: BulkQuery, chain: Chain, checkpoint: Checkpoint): Promise<CompactRange> {
  const { range } = await readChainTree(query, chain.chain, checkpoint.size);
  if (range.root().equals(checkpoint.root)) return range;
  throw new CodedError(
    'ROLLBACK',
    `ROLLBACK: chain ${chain.name} has another history below size ${checkpoint.size} than the one that was signed; ${ROLLBACK_RUNBOOK}`,
  );
}

const rollback = (chain: Chain, pinned: Checkpoint, size: bigint, signed: bigint): CodedError =>
  new CodedError(
    'ROLLBACK',
    `ROLLBACK: chain ${chain.name} was signed at size ${pinned.size}, but the database has ${size} entries and checkpoints up to ${signed < 0n ? 'none' : signed}: an older copy was restored; ${ROLLBACK_RUNBOOK}`,
  );
