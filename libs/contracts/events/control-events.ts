import { z } from 'zod';
import { sha256HexSchema } from '../envelope.js';
import { defineEvent } from './define-event.js';

/** The policy in force, whole. Signed with the decision key; anything else on this topic is ignored. */
export const policyPublished = defineEvent('policy.published', 1, 'control', {
  policyVersion: z.int(),
  policyHash: sha256HexSchema,
  /** The exact YAML text whose SHA-256 is policyHash. */
  text: z.string().max(262_144),
  author: z.string().max(256),
  previousHash: sha256HexSchema.optional(),
});
