import { z } from 'zod';
import { durationSource } from './duration-source.js';
import { reviewersSource } from './reviewers-schema.js';
import { routingSource } from './routing-document.js';

/** What a rule can do. `flag` marks a statement and decides nothing. */
export const ruleEffects = ['allow', 'deny', 'review', 'flag'] as const;
export type RuleEffect = (typeof ruleEffects)[number];

/** What of a statement the record must not hold. */
export const redactions = ['literals', 'parameters'] as const;
export type Redaction = (typeof redactions)[number];

/** The longest a statement inside a transaction may be held, ms (CONTRACT.md, Connecting). */
export const MAX_HOLD_INSIDE_TRANSACTION_MS = 60_000;

const SECOND_MS = 1_000;
const MAX_HOLD_MS = 7 * 86_400_000;

/** One rule as the file writes it. */
export const ruleSource = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be lower-case letters, digits, dots, dashes or underscores')
    .refine((id) => id !== 'default', 'must not be default: that names the case where no rule matches'),
  description: z.string().min(1).max(500).optional(),
  when: z.string().min(1).max(8_192),
  effect: z.enum(ruleEffects, `must be one of ${ruleEffects.join(', ')}`),
  risk: z.int('must be a whole number from 0 to 100').min(0).max(100).optional(),
  reviewers: reviewersSource.optional(),
  /** How they are asked. */
  routing: routingSource.optional(),
  expires: durationSource(SECOND_MS, MAX_HOLD_MS, 'from 1s to 7d, such as 15m').optional(),
  /** `refuse`, or how long it may be held inside a transaction. */
  insideTransaction: z
    .union(
      [
        z.literal('refuse'),
        durationSource(SECOND_MS, MAX_HOLD_INSIDE_TRANSACTION_MS, 'from 1s to 60s, or refuse'),
      ],
      'must be refuse, or a length of time from 1s to 60s',
    )
    .optional(),
  controls: z
    .array(
      z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,31}$/, 'must be the name of a control, such as CC6.1'),
    )
    .max(16)
    .optional(),
  maxRows: z.int('must be a whole number').min(0).max(1_000_000_000).optional(),
  redact: z
    .union([z.enum(redactions), z.array(z.enum(redactions)).min(1)], 'must be literals, parameters or both')
    .transform((given) => (typeof given === 'string' ? [given] : given))
    .optional(),
});

export type RuleSource = z.output<typeof ruleSource>;
