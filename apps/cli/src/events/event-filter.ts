import { parseDuration } from '#libs/kernel/settings.js';

export interface EventFilter {
  readonly request?: string;
  readonly session?: string;
  readonly identity?: string;
  /** Milliseconds since 1970. */
  readonly since?: number;
}

/** An event as the feed gives it: flat, with these fields where they apply. */
export interface FeedEvent {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly requestId?: string;
  readonly sessionId?: string;
  readonly identity?: { readonly name: string };
  readonly [field: string]: unknown;
}

export const matches = (filter: EventFilter, event: FeedEvent): boolean =>
  (filter.request === undefined || event.requestId === filter.request) &&
  (filter.session === undefined || event.sessionId === filter.session) &&
  (filter.identity === undefined || event.identity?.name === filter.identity) &&
  (filter.since === undefined || Date.parse(event.time) >= filter.since);

/** A time such as 2026-11-21T13:00:00Z, or a length of time before now such as 15m; undefined when neither. */
export function parseSince(text: string, now: number): number | undefined {
  const length = parseDuration(text);
  if (length !== undefined) return now - length;
  const time = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
