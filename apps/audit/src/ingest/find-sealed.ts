import { plainArray, type BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { SealedEvent } from './seal-batch.js';

/** Which of these event ids are sealed already, in any chain, with what they are compared by. */
export async function findSealed(
  query: BulkQuery,
  eventIds: readonly string[],
): Promise<Map<string, SealedEvent>> {
  const rows = await query<{
    event_id: string;
    chain: string;
    seq: string;
    producer: string;
    producer_seq: string;
    payload: Buffer;
  }>(
    `SELECT e.event_id, c.name AS chain, e.seq::text, e.producer, e.producer_seq::text, p.payload
     FROM ledger.entries e JOIN ledger.chains c USING (chain) JOIN ledger.payloads p USING (chain, seq)
     WHERE e.event_id = ANY ($1::uuid[])`,
    [plainArray(eventIds)],
  );
  return new Map(
    rows.map((row) => [
      row.event_id,
      {
        chain: row.chain,
        seq: BigInt(row.seq),
        producer: row.producer,
        producerSeq: BigInt(row.producer_seq),
        payload: row.payload,
      },
    ]),
  );
}
