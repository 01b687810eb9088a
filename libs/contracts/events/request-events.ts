import { z } from 'zod';
import { sha256HexSchema, timeSchema, uuidSchema } from '../envelope.js';
import { identitySchema } from '../identity.js';
import { defineEvent } from './define-event.js';
import { outcomes, statementSchema, verdictSchema } from './statement-events.js';
import { signalsSchema } from './signals.js';
import { targetSchema } from './target.js';

export const reviewersSchema = z
  .array(z.object({ group: z.string().min(1).max(256), count: z.int().min(1).max(20) }))
  .min(1);
export type Reviewers = z.output<typeof reviewersSchema>;

/** The aggregate's events. Every one carries the requestId in its envelope. */
export const requestRequested = defineEvent('request.requested', 1, 'approvals', {
  requester: identitySchema,
  target: targetSchema,
  statement: statementSchema,
  verdict: verdictSchema,
  gatewayId: uuidSchema,
  intentId: uuidSchema,
  /** Computed here, from the bytes the reviewers are shown. */
  digest: sha256HexSchema,
  expiresAt: timeSchema,
  signals: signalsSchema.optional(),
  wait: z.enum(['hold', 'retry']).optional(),
});

export const requestRouted = defineEvent('request.routed', 1, 'approvals', {
  needed: reviewersSchema,
});

export const requestVoteCast = defineEvent('request.vote-cast', 1, 'approvals', {
  voter: identitySchema,
  /** The place of the quorum that this vote fills. */
  group: z.string(),
  decision: z.enum(['approve', 'deny']),
  reason: z.string().max(2000).optional(),
  maxRows: z.int().min(0).optional(),
});

/** A vote that did not count, and why. */
export const requestVoteRefused = defineEvent('request.vote-refused', 1, 'approvals', {
  voter: identitySchema,
  decision: z.enum(['approve', 'deny']),
  why: z.enum(['own-request', 'agent-owner', 'agent', 'not-a-reviewer', 'already-voted']),
});

export const requestCommented = defineEvent('request.commented', 1, 'approvals', {
  author: identitySchema,
  text: z.string().min(1).max(4000),
});

export const requestGranted = defineEvent('request.granted', 1, 'approvals', {
  decidedBy: z.array(z.string()),
  digest: sha256HexSchema,
  /** The id of the signed decision.issued that carries this grant to the gateway. */
  decisionId: uuidSchema.optional(),
  grantExpiresAt: timeSchema,
  maxRows: z.int().min(0).optional(),
});

export const requestRefused = defineEvent('request.refused', 1, 'approvals', {
  decidedBy: z.array(z.string()),
  reason: z.string().max(2000),
});

export const requestExpired = defineEvent('request.expired', 1, 'approvals', {});

export const requestCancelled = defineEvent('request.cancelled', 1, 'approvals', {
  reason: z.string().max(256),
});

/** The grant was used: the gateway released the statement. */
export const requestConsumed = defineEvent('request.consumed', 1, 'approvals', {
  outcome: z.enum(outcomes).optional(),
});

export const requestRevoked = defineEvent('request.revoked', 1, 'approvals', {
  by: identitySchema,
  reason: z.string().max(2000).optional(),
});

/** A review that was asked and opened nothing: the gateway's key is not trusted, or its event is malformed. */
export const reviewRejected = defineEvent('review.rejected', 1, 'approvals', {
  reason: z.enum(['untrusted-gateway', 'bad-signature', 'malformed', 'hold-ended']),
  detail: z.string().max(1024),
});
