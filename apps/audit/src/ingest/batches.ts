import type { LogRecord } from '#libs/event-log/port.js';

/** One transaction holds this much at most. */
const MOST_RECORDS = 1_000;
const MOST_BYTES = 8 * 1024 * 1024;

/** Below this a transaction of its own costs more than what it lets overlap. */
const LEAST_RECORDS = 500;

/**
 * Cuts a delivery into transactions: several where it is large enough, so that one is sealed while the
 * one before is being stored; one record at least in each, whatever its size.
 */
export function* batchesOf(records: readonly LogRecord[]): Generator<readonly LogRecord[]> {
  const most = Math.min(MOST_RECORDS, Math.max(LEAST_RECORDS, Math.ceil(records.length / 4)));
  let batch: LogRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const length = record.value?.length ?? 0;
    if (batch.length > 0 && (batch.length >= most || bytes + length > MOST_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += length;
  }
  if (batch.length > 0) yield batch;
}
