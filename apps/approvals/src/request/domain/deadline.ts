import type { Request } from './request-state.js';

/** Allowed difference between a gateway's clock and ours before a grant counts as unused, ms. */
export const CLOCK_SKEW_MS = 30_000;

/** When time alone ends the request, milliseconds since 1970; undefined when it has ended. */
export function dueAt(state: Request): number | undefined {
  if (state.status === 'pending') return state.expiresAt;
  return state.status === 'granted' && state.grant !== undefined
    ? state.grant.expiresAt + CLOCK_SKEW_MS
    : undefined;
}

/** Whether the hold, or a grant nobody used, is over at `now`. */
export function hasRunOut(state: Request, now: number): boolean {
  const due = dueAt(state);
  return due !== undefined && now >= due;
}
