import type { DraftEvent } from './spool.js';

/** Up to how many undrained bytes the spool takes what. */
export interface Room {
  /** What begins something new. */
  readonly ordinary: number;
  /** What ends something that already runs. */
  readonly closings: number;
}

const MIN_RESERVE_BYTES = 16 << 20;

/** A tenth is kept for closings, at least 16 MiB, but never more than a quarter of the whole. */
export function roomFor(maxBytes: number): Room {
  const reserve = Math.min(Math.max(maxBytes / 10, MIN_RESERVE_BYTES), maxBytes / 4);
  return { ordinary: maxBytes - Math.floor(reserve), closings: maxBytes };
}

/** review.asked begins a hold; every other event about a review ends one or lets one end. */
const CLOSING_TYPES: ReadonlySet<string> = new Set([
  'statement.outcome-recorded',
  'session.closed',
  'review.cancelled',
  'review.released',
  'review.concluded',
  'decision.rejected',
]);

/** Whether every event of an append ends something, so that it may use the reserve. */
export const endsOnly = (drafts: readonly DraftEvent[]): boolean =>
  drafts.every((draft) => CLOSING_TYPES.has(draft.event.type));

/** Whether nobody goes on only once these are durable: what happened has happened. */
export const isHistory = (drafts: readonly DraftEvent[]): boolean =>
  drafts.every(({ event: { type } }) => type !== 'review.released' && CLOSING_TYPES.has(type));
