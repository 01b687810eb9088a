import { FrameReader } from './frame-reader.js';
import { cString, int32, writeFrame } from './frame-writer.js';
import { Frontend } from './message-types.js';

export interface ExecuteMessage {
  readonly portal: string;
  /** At most so many rows; 0 means all. Negative counts as 0, as the server has it. */
  readonly maxRows: number;
}

export function readExecute(frame: Buffer): ExecuteMessage {
  const reader = new FrameReader(frame);
  const portal = reader.string();
  const maxRows = Math.max(0, reader.int32());
  reader.end();
  return { portal, maxRows };
}

export const writeExecute = (portal: string, maxRows = 0): Buffer =>
  writeFrame(Frontend.Execute, cString(portal), int32(maxRows));
