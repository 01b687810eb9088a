import { z } from 'zod';
import { bindingSchema } from '../binding.js';
import { inPartsSchema, MAX_PARTS } from '../binding-parts.js';
import { sha256HexSchema, timeSchema, uuidSchema } from '../envelope.js';
import { defineEvent } from './define-event.js';
import { signalsSchema } from './signals.js';
import { outcomes, statementSchema, verdictSchema } from './statement-events.js';

/** A gateway holds a statement and asks for a decision. Signed by the gateway. */
export const reviewAsked = defineEvent('review.asked', 1, 'requests', {
  gatewayId: uuidSchema,
  intentId: uuidSchema,
  /** All that the approval will bind; approvals computes the digest from it, never from elsewhere. */
  binding: bindingSchema,
  statement: statementSchema,
  verdict: verdictSchema,
  /** When the hold ends by itself. */
  holdExpiresAt: timeSchema,
  insideTransaction: z.boolean(),
  /** Measured before the hold; absent from gateways that do not measure. */
  signals: signalsSchema.optional(),
  /**
   * `hold` (or absent): the connection waits. `retry`: it does not; the statement is sent again after the
   * approval. Every attempt is asked anew under a new intent, and answered with a receipt.issued.
   */
  wait: z.enum(['hold', 'retry']).optional(),
  /** With `retry`: the gateway looks for the receipt until then; no grant is used up for this attempt later. */
  answerBy: timeSchema.optional(),
  /** The binding's statements are too long for one event: they stand in parts before it, and an empty one here. */
  statementsInParts: inPartsSchema.optional(),
});

/** A part of the statements of a binding, before its review.asked and on the same key. Signed by the gateway. */
export const reviewPartRecorded = defineEvent('review.part-recorded', 1, 'requests', {
  gatewayId: uuidSchema,
  intentId: uuidSchema,
  /** Of all parts joined. */
  sha256: sha256HexSchema,
  index: z
    .int()
    .min(0)
    .max(MAX_PARTS - 1),
  count: z.int().min(1).max(MAX_PARTS),
  text: z
    .string()
    .max(500_000)
    .regex(/^[ -~]+$/, 'must be printable ASCII'),
});

/** The hold ended before a decision: the client went or cancelled, time ran out, the gateway stopped. */
export const reviewCancelled = defineEvent('review.cancelled', 1, 'requests', {
  gatewayId: uuidSchema,
  intentId: uuidSchema,
  reason: z.enum([
    'client-gone',
    'client-cancelled',
    'expired',
    'shutdown',
    'gateway-crash',
    'target-gone',
    'refused',
  ]),
});

/** Durable before the first byte of a held statement goes out: from here on the grant is used. */
export const reviewReleased = defineEvent('review.released', 1, 'requests', {
  gatewayId: uuidSchema,
  intentId: uuidSchema,
  decisionId: uuidSchema,
  digest: sha256HexSchema,
});

/** The outcome of a held statement, for approvals; the statement's own outcome event stands beside it. */
export const reviewConcluded = defineEvent('review.concluded', 1, 'requests', {
  gatewayId: uuidSchema,
  intentId: uuidSchema,
  outcome: z.enum(outcomes),
  tag: z.string().max(128).optional(),
  sqlstate: z.string().length(5).optional(),
  reason: z.string().max(1024).optional(),
});
