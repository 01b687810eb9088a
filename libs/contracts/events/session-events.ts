import { z } from 'zod';
import { defineEvent } from './define-event.js';
import { targetSchema } from './target.js';

export const sessionOpened = defineEvent('session.opened', 1, 'statements', {
  target: targetSchema,
  clientAddress: z.string().max(64),
  applicationName: z.string().max(256),
  /** The server's own process id, as pg_stat_activity and its logs show it. */
  backendPid: z.int(),
});

/** A login that failed. The identity, if any, is only what was claimed. */
export const sessionRefused = defineEvent('session.refused', 1, 'statements', {
  claimedName: z.string().max(128),
  claimedTarget: z.string().max(128),
  clientAddress: z.string().max(64),
  sqlstate: z.string().length(5),
  reason: z.string().max(1024),
});

export const sessionClosed = defineEvent('session.closed', 1, 'statements', {
  reason: z.enum(['client', 'target', 'protocol-error', 'shutdown', 'gateway-crash', 'failed']),
});
