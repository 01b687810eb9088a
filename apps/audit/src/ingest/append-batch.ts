import { hasCode } from '#libs/kernel/coded-error.js';
import { byteaArray, int4Array, int8Array, utf8Array, uuidArray } from '#libs/postgres/binary-array.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { ChainState } from './chain-state.js';
import type { SealedBatch } from './seal-batch.js';

const APPEND = `SELECT ledger.append(${Array.from({ length: 32 }, (_, index) => `$${index + 1}`).join(', ')})`;

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
    recordedAt,
    byteaArray(entries.map(({ entry }) => entry)),
    byteaArray(entries.map(({ leaf }) => leaf)),
    uuidArray(entries.map(({ eventId }) => eventId)),
    utf8Array(entries.map(({ type }) => type)),
    int8Array(entries.map(({ columns }) => columns.eventTime)),
    uuidArray(entries.map(({ producer }) => producer)),
    int8Array(entries.map(({ producerSeq }) => producerSeq)),
    int8Array(entries.map(({ offset }) => offset)),
    uuidArray(entries.map(({ columns }) => columns.requestId)),
    uuidArray(entries.map(({ columns }) => columns.sessionId)),
    utf8Array(entries.map(({ columns }) => columns.identity)),
    byteaArray(entries.map(({ payload }) => payload)),
    byteaArray(entries.map(({ salt }) => salt)),
    int4Array(fullTiles.map(({ level }) => level)),
    int8Array(fullTiles.map(({ n }) => n)),
    byteaArray(fullTiles.map(({ root }) => root)),
    byteaArray(fullTiles.map(({ hashes }) => hashes)),
    uuidArray([...positions.keys()]),
    int8Array([...positions.values()]),
    int8Array(findings.map(({ seq }) => seq)),
    utf8Array(findings.map(({ kind }) => kind)),
    utf8Array(findings.map(({ detail }) => detail)),
  ];
}
