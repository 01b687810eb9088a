import { createHmac } from 'node:crypto';
import { secretsEqual } from '#libs/kernel/constant-time.js';

/** How old a timestamp may be, ms: what Slack recommends. */
export const MAX_AGE_MS = 5 * 60_000;
/** How far in the future it may be, ms: clocks differ, but by no more than this. */
export const MAX_AHEAD_MS = 60_000;

export interface SignedRequest {
  /** x-slack-request-timestamp: seconds since 1970. */
  readonly timestamp: string | undefined;
  /** x-slack-signature. */
  readonly signature: string | undefined;
  readonly body: Uint8Array;
}

export type SignatureCheck =
  | { readonly ok: true; readonly signature: Buffer }
  | { readonly ok: false; readonly why: 'unsigned' | 'late' | 'future' | 'forged' };

/**
 * Slack's request signature, version 0 (docs.slack.dev, Verifying requests from Slack): HMAC-SHA-256 over
 * `v0:<timestamp>:<body>`. A timestamp from the future is refused like a late one. Replays are not seen
 * here: the caller keeps the signature. `now` is milliseconds since 1970.
 */
export function checkSignature(request: SignedRequest, secret: string, now: number): SignatureCheck {
  const { timestamp, signature, body } = request;
  const given = /^v0=([0-9a-f]{64})$/.exec(signature ?? '')?.[1];
  if (given === undefined || !/^[0-9]{1,12}$/.test(timestamp ?? '')) return { ok: false, why: 'unsigned' };
  const expected = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest();
  const bytes = Buffer.from(given, 'hex');
  if (!secretsEqual(bytes, expected)) return { ok: false, why: 'forged' };
  const age = now - Number(timestamp) * 1000;
  if (age > MAX_AGE_MS) return { ok: false, why: 'late' };
  if (age < -MAX_AHEAD_MS) return { ok: false, why: 'future' };
  return { ok: true, signature: expected };
}
