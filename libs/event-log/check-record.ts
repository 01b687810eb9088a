import { MAX_RECORD_BYTES, TOPICS } from '#libs/contracts/topics.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import type { RecordToAppend } from './port.js';

/** Bytes of key and value together: what the limit and `queuedBytes` count. */
export const recordBytes = (record: RecordToAppend): number =>
  Buffer.byteLength(record.key, 'utf8') + record.value.length;

/**
 * Refuses what the log would refuse, before it is queued: in the queue it would be sent again for ever.
 * Returns the record's bytes; throws RECORD_TOO_LARGE or NO_SUCH_PARTITION.
 */
export function checkRecord(record: RecordToAppend): number {
  const { partitions } = TOPICS[record.topic];
  if (!Number.isInteger(record.partition) || record.partition < 0 || record.partition >= partitions) {
    throw new CodedError('NO_SUCH_PARTITION', `topic ${record.topic} has no partition ${record.partition}`, {
      safeToRetry: true,
    });
  }
  const bytes = recordBytes(record);
  if (bytes > MAX_RECORD_BYTES) {
    throw new CodedError(
      'RECORD_TOO_LARGE',
      `a record of ${bytes} bytes for ${record.topic}/${record.partition} is above the limit of ${MAX_RECORD_BYTES}`,
      { safeToRetry: true },
    );
  }
  return bytes;
}
