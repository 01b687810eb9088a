import { Backend } from './message-types.js';
import { writeFrame } from './frame-writer.js';

/** Idle, in a transaction block, in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

export const writeReadyForQuery = (status: TransactionStatus): Buffer =>
  writeFrame(Backend.ReadyForQuery, Buffer.from(status));
