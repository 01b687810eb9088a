import { z } from 'zod';
import { reviewersSource } from './reviewers-schema.js';

const id = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be lower-case letters, digits, dots, dashes or underscores');
const when = z.string().min(1).max(8_192);
const score = z.int('must be a whole number from 0 to 100').min(0).max(100);

const action = z
  .strictObject({
    id,
    when,
    /** These must sign as well as those the rule names; of two for one group the larger number counts. */
    raise: reviewersSource.optional(),
    refuse: z
      .strictObject({
        reason: z.string().min(1).max(500),
        /** What would be approvable instead. */
        bounded: z.literal(true).optional(),
        maxRows: z.int().min(0).optional(),
      })
      .optional(),
    /** Nobody is asked. Only for requesters that the directory knows, and never where another action applies. */
    autoGrant: z.literal(true, 'must be true').optional(),
  })
  .refine(
    ({ raise, refuse, autoGrant }) =>
      [raise, refuse, autoGrant].filter((each) => each !== undefined).length === 1,
    'must have exactly one of raise, refuse and autoGrant',
  );

/** How risky what waits is, and what follows. Decides only about statements that a rule sends to review. */
export const riskSource = z.strictObject({
  /** From which score a level begins; below `medium` it is low. */
  levels: z
    .strictObject({ medium: score, high: score, critical: score })
    .refine(({ medium, high, critical }) => medium <= high && high <= critical, 'must not fall')
    .optional(),
  rules: z
    .array(z.strictObject({ id, when, score, reason: z.string().min(1).max(500).optional() }))
    .max(200)
    .optional(),
  actions: z.array(action).max(50).optional(),
});

export type RiskSource = z.output<typeof riskSource>;
