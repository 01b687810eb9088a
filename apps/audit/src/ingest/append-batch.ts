import { hasCode } from '#libs/kernel/coded-error.js';
import { plainArray, textArray, type BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { ChainState } from './chain-state.js';
import type { SealedBatch } from './seal-batch.js';

const APPEND = `SELECT ledger.append(${Array.from({ length: 34 }, (_, index) => `$${index + 1}`).join(', ')})`;

/** SQLSTATE of ledger.append when the chain has moved on without us. */
const FENCED = 'CS001';

export type Appended = 'stored' | 'fenced' | 'id-taken';

/**
 * Stores a batch in one transaction: 'stored' only after its commit. 'fenced': somebody else holds the
 * chain; 'id-taken': an event of the batch is sealed already; both stored nothing. A rejection leaves
 * open whether the batch was stored: drop the state and read it again.
 */
export async function appendBatch(
  query: BulkQuery,
  state: ChainState,
  batch: SealedBatch,
): Promise<Appended> {
  try {
    await query(APPEND, parametersOf(state, batch), 'ledger-append');
    return 'stored';
  } catch (error) {
    if (hasCode(error, FENCED)) return 'fenced';
    if (hasCode(error, '23505') && (error as { constraint?: string }).constraint === 'entries_event_id')
      return 'id-taken';
    throw error;
  }
}

function parametersOf(
  state: ChainState,
  { entries, recordedAt, fullTiles, positions, findings, next }: SealedBatch,
): unknown[] {
  return [
    state.chain,
    state.epoch,
    state.size,
    next.head,
    next.tree.range.encode(),
    state.source.cluster,
    state.source.topicId,
    state.nextOffset,
    next.nextOffset,
    Buffer.concat(entries.map(({ entry }) => entry)),
    ends(entries.map(({ entry }) => entry.length)),
    Buffer.concat(entries.map(({ leaf }) => leaf)),
    plainArray(entries.map(({ eventId }) => eventId)),
    textArray(entries.map(({ type }) => type)),
    plainArray(entries.map(() => recordedAt)),
    plainArray(entries.map(({ columns }) => columns.eventTime)),
    plainArray(entries.map(({ producer }) => producer)),
    plainArray(entries.map(({ producerSeq }) => producerSeq)),
    plainArray(entries.map(({ offset }) => offset)),
    plainArray(entries.map(({ columns }) => columns.requestId)),
    plainArray(entries.map(({ columns }) => columns.sessionId)),
    textArray(entries.map(({ columns }) => columns.identity)),
    Buffer.concat(entries.map(({ payload }) => payload)),
    ends(entries.map(({ payload }) => payload.length)),
    Buffer.concat(entries.map(({ salt }) => salt)),
    plainArray(fullTiles.map(({ level }) => level)),
    plainArray(fullTiles.map(({ n }) => n)),
    Buffer.concat(fullTiles.map(({ root }) => root)),
    Buffer.concat(fullTiles.map(({ hashes }) => hashes)),
    plainArray([...positions.keys()]),
    plainArray([...positions.values()]),
    plainArray(findings.map(({ seq }) => seq)),
    textArray(findings.map(({ kind }) => kind)),
    textArray(findings.map(({ detail }) => detail)),
  ];
}

/** Where each of the concatenated values ends. */
function ends(lengths: readonly number[]): string {
  let end = 0;
  return plainArray(lengths.map((length) => (end += length)));
}
