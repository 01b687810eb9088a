import { isSealedByLedger, POISON_TYPE } from '#libs/ledger/event-columns.js';

/** A sealed entry as it is read for the feed. */
export interface SealedEventRow {
  readonly chain: string;
  readonly seq: string;
  readonly type: string;
  readonly event_id: string;
  readonly recorded_at: string;
  readonly producer: string;
  readonly producer_seq: string;
  readonly payload: Buffer;
}

/**
 * An event as the feed gives it: flat, in its own envelope, with its place in the ledger. What the ledger
 * made itself has the time of sealing and either what it says or the bytes that could not be read.
 */
export function sealedEvent(row: SealedEventRow): Record<string, unknown> {
  const place = { chain: row.chain, seq: Number(row.seq) };
  if (!isSealedByLedger(row.type))
    return { ...(JSON.parse(row.payload.toString('utf8')) as object), ...place };
  const time = new Date(Number(BigInt(row.recorded_at) / 1000n)).toISOString();
  const content =
    row.type === POISON_TYPE
      ? { payloadBase64: row.payload.toString('base64') }
      : (JSON.parse(row.payload.toString('utf8')) as object);
  return {
    ...content,
    id: row.event_id,
    type: row.type,
    schemaVersion: 1,
    time,
    producer: row.producer,
    producerSeq: Number(row.producer_seq),
    ...place,
  };
}
