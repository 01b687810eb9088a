import { Frontend } from './message-types.js';
import { ProtocolViolation } from './protocol-violation.js';
import { cString, writeFrame } from './frame-writer.js';

/** The text of a Query: everything up to its one NUL, which must be the last byte. */
export function readQuery(frame: Buffer): Buffer {
  if (frame.indexOf(0, 5) !== frame.length - 1)
    throw new ProtocolViolation('a Query whose text does not end with its one NUL');
  return frame.subarray(5, -1);
}

export const writeQuery = (text: string): Buffer => writeFrame(Frontend.Query, cString(text));
