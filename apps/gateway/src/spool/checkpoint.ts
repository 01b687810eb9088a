import type { OpenItemsSnapshot } from './open-items.js';
import type { SequenceEntry } from './sequences.js';

/** Events and their bytes on disk, counted since the spool was made. */
export interface Totals {
  readonly events: number;
  readonly bytes: number;
}

/** Everything before this place is in the event log. The place is the start of a group, or the end of all. */
export interface DrainedMark extends Totals {
  readonly segment: number;
  readonly offset: number;
}

/**
 * First in every segment: all that recovery needs to know of the segments before it. It lets a segment
 * go as soon as it is drained, whatever is still open, and shows when the end of one was lost.
 */
export interface Checkpoint {
  readonly sequences: readonly SequenceEntry[];
  readonly appended: Totals;
  readonly drained: DrainedMark;
  readonly open: OpenItemsSnapshot;
}

export const encodeCheckpoint = (checkpoint: Checkpoint): Buffer => Buffer.from(JSON.stringify(checkpoint));
export const decodeCheckpoint = (value: Buffer): Checkpoint =>
  JSON.parse(value.toString('utf8')) as Checkpoint;

export const encodeDrainedMark = (mark: DrainedMark): Buffer => Buffer.from(JSON.stringify(mark));
export const decodeDrainedMark = (value: Buffer): DrainedMark =>
  JSON.parse(value.toString('utf8')) as DrainedMark;
