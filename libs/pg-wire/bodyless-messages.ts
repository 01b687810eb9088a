import { writeFrame } from './frame-writer.js';
import { Frontend } from './message-types.js';

/** Messages without a body. */
export const SYNC = writeFrame(Frontend.Sync);
export const FLUSH = writeFrame(Frontend.Flush);
export const TERMINATE = writeFrame(Frontend.Terminate);
