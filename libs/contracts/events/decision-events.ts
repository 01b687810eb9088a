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
