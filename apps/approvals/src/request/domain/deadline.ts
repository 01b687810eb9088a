import type { Request } from './request-state.js';
import { closesAt } from './decision-window.js';

/** Allowed difference between a gateway's clock and ours before a grant counts as unused, ms. */
export const CLOCK_SKEW_MS = 30_000;

/** A grant is good for this long where the policy does not say. Milliseconds. */
export const GRANT_LIFETIME_MS = 5 * 60_000;

/** The same where the client sends the statement again: it has to come back first. */
export const RETRY_GRANT_LIFETIME_MS = 15 * 60_000;

/** So long a refusal answers those who ask the same again; then they may ask anew. Milliseconds. */
export const REFUSAL_MEMORY_MS = 15 * 60_000;

/** When time alone ends the request, milliseconds since 1970; undefined when it has ended. */
export function dueAt(state: Request): number | undefined {
  if (state.status === 'pending') return state.expiresAt;
  if (state.status !== 'granted' || state.grant === undefined) return undefined;
  // A grant that is used up here is judged by one clock.
  return state.grant.expiresAt + (state.wait === 'retry' ? 0 : CLOCK_SKEW_MS);
}

/** Whether the hold, or a grant nobody used, is over at `now`. */
export function hasRunOut(state: Request, now: number): boolean {
  const due = dueAt(state);
  return due !== undefined && now >= due;
}

/**
 * When a grant given at `now` ends. Its length is counted from the approval; it outlives neither the hold
 * it is for nor the window it was given in.
 */
export function grantExpiresAt(state: Request, now: number): number {
  const { wait, route } = state;
  const retry = wait === 'retry';
  const lifetime = route?.grantLifetimeMs ?? (retry ? RETRY_GRANT_LIFETIME_MS : GRANT_LIFETIME_MS);
  const limit = retry ? now + lifetime : Math.min(state.expiresAt, now + lifetime);
  return closesAt(route?.windows, now, limit);
}

/** Until when a refusal answers the same statement, sent again. */
export const refusedUntil = (state: Request): number =>
  Math.min(state.expiresAt, (state.endedAt ?? 0) + REFUSAL_MEMORY_MS);
