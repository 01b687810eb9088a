import { z } from 'zod';
import { sha256HexSchema, timeSchema, uuidSchema } from '../envelope.js';
import { defineEvent } from './define-event.js';

/**
 * A signed decision: for one gateway, one request and one digest, once, until it expires. The event's
 * own id is the decision id; its requestId names the request. Signed with the decision key.
 */
export const decisionIssued = defineEvent('decision.issued', 1, 'decisions', {
  gatewayId: uuidSchema,
  verdict: z.enum(['granted', 'refused']),
  digest: sha256HexSchema,
  issuedAt: timeSchema,
  expiresAt: timeSchema,
  /** Who decided, by name, in the order of their votes. */
  decidedBy: z.array(z.string().min(1).max(128)).min(1).max(64),
  reason: z.string().max(2000).optional(),
  maxRows: z.int().min(0).optional(),
});

/**
 * The signed answer to one attempt of a statement whose client does not wait. `consumed`: the grant of
 * requestId was used up for this intent, which alone may run, once. `pending`: requestId is (or now became)
 * the request that waits for reviewers. `refused`: it was refused, expired or revoked.
 */
export const receiptIssued = defineEvent('receipt.issued', 1, 'decisions', {
  gatewayId: uuidSchema,
  intentId: uuidSchema,
  digest: sha256HexSchema,
  verdict: z.enum(['consumed', 'pending', 'refused']),
  /** The grant that was used up; only with `consumed`. */
  decisionId: uuidSchema.optional(),
  issuedAt: timeSchema,
  expiresAt: timeSchema,
  decidedBy: z.array(z.string().min(1).max(128)).max(64).optional(),
  reason: z.string().max(2000).optional(),
  maxRows: z.int().min(0).optional(),
});

/**
 * How far the review of a held statement has come, for the notices its client gets. Signed with the decision
 * key; decides nothing. Counts are the state after what happened, so one that is missed loses no more than itself.
 */
export const holdProgressed = defineEvent('hold.progressed', 1, 'decisions', {
  gatewayId: uuidSchema,
  issuedAt: timeSchema,
  /** Places of the quorum that are filled, and how many it has; of several, the one with the fewest missing. */
  signed: z.int().min(0),
  needed: z.int().min(1),
  /** How often it was escalated. */
  escalated: z.int().min(0),
  /** What a reviewer wrote. */
  comment: z.object({ by: z.string().min(1).max(128), text: z.string().min(1).max(4000) }).optional(),
});
