import { CodedError } from '#libs/kernel/coded-error.js';
import type { LogRecord, TopicPartition } from '../port.js';

const COLUMNS = 4;
const HEAD_BYTES = 2 + 4 + 8 + 4;

/**
 * The records in rows (offset int8, key bytea, value bytea, appended_ms int8) of a binary COPY, one after the
 * other. Keys and values are parts of `bytes`. Throws EVENT_LOG_REFUSED when the bytes are no such rows.
 */
export function recordsOf({ topic, partition }: TopicPartition, bytes: Buffer): LogRecord[] {
  const records: LogRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const keyAt = at + HEAD_BYTES;
    const keyEnd = keyAt + bytes.readInt32BE(keyAt - 4);
    const valueAt = keyEnd + 4;
    const valueEnd = valueAt + bytes.readInt32BE(keyEnd);
    const end = valueEnd + 4 + 8;
    if (bytes.readInt16BE(at) !== COLUMNS || keyEnd < keyAt || valueEnd < valueAt || end > bytes.length)
      throw new CodedError('EVENT_LOG_REFUSED', 'the event log answered with other rows than were asked for');
    records.push({
      topic,
      partition,
      offset: bytes.readBigInt64BE(at + 6),
      key: bytes.subarray(keyAt, keyEnd),
      value: bytes.subarray(valueAt, valueEnd),
      appendedAt: Number(bytes.readBigInt64BE(valueEnd + 4)),
      leaderEpoch: 0,
    });
    at = end;
  }
  return records;
}
