import { z } from 'zod';
import { sha256HexSchema, uuidSchema } from '../envelope.js';
import { defineEvent } from './define-event.js';

/** From here on this gateway judges by another policy than before. */
export const policyApplied = defineEvent('policy.applied', 1, 'statements', {
  gatewayId: uuidSchema,
  policyVersion: z.int(),
  policyHash: sha256HexSchema,
  previousHash: sha256HexSchema,
  /** The policy.published that brought it. */
  publicationId: uuidSchema,
});

/** Something on `control` that this gateway did not apply; what it judges by stays. */
export const policyIgnored = defineEvent('policy.ignored', 1, 'statements', {
  gatewayId: uuidSchema,
  reason: z.enum([
    'unsigned',
    'unknown-key',
    'bad-signature',
    'malformed',
    'another-tenant',
    'replayed',
    'not-a-policy',
  ]),
  detail: z.string().max(1_024),
  publicationId: uuidSchema.optional(),
  /** What this gateway goes on judging by. */
  policyHash: sha256HexSchema,
});
