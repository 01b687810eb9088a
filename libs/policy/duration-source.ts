import { z } from 'zod';
import { parseDuration } from '#libs/kernel/settings.js';

/** A length of time such as `15m` between two bounds, ms, which `range` names; becomes milliseconds. */
export const durationSource = (minMs: number, maxMs: number, range: string) =>
  z.string(`must be a length of time ${range}`).transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    context.addIssue({ code: 'custom', message: `must be a length of time ${range}` });
    return z.NEVER;
  });
