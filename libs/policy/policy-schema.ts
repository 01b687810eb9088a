import { z } from 'zod';
import { effects } from '#libs/contracts/events/statement-events.js';
import { changeRulesSource } from './change-rules.js';
import { reviewersSource } from './reviewers-schema.js';
import { riskSource } from './risk-document.js';
import { routingSource } from './routing-document.js';
import { ruleSource } from './rule-schema.js';
import { isTimeZone } from './time-zone.js';

/** Who publishes the built-in policy; nobody else goes by that name. */
export const BUILT_IN_AUTHOR = 'built-in';

/** A whole policy as the file writes it. A key that is not here is refused by name. */
export const policySource = z.strictObject({
  version: z.int('must be a whole number').min(1),
  extends: z.literal('builtin', 'must be builtin').optional(),
  default: z.enum(effects, `must be one of ${effects.join(', ')}`).optional(),
  masking: z
    .unknown()
    .refine((value) => value !== 'on' && value !== true, 'masking does not exist yet: set masking: off')
    .refine((value) => value === undefined || value === 'off' || value === false, 'must be on or off')
    .optional(),
  /** Who signs where a review rule, or the default, names nobody. */
  reviewers: reviewersSource.optional(),
  /** How reviewers are asked where a rule does not say. */
  routing: routingSource.optional(),
  /** How risky what waits is, and what follows. */
  risk: riskSource.optional(),
  /** The time zone of `time` in conditions, by its IANA name; UTC where absent. */
  timeZone: z.string().max(64).refine(isTimeZone, 'must be a time zone such as Europe/Zurich').optional(),
  /** What the author says of this version. It stands in the event that publishes it; a claim, not a proof. */
  change: z
    .strictObject({
      author: z
        .string()
        .min(1)
        .max(256)
        .refine((author) => author !== BUILT_IN_AUTHOR, `must not be ${BUILT_IN_AUTHOR}`),
      reason: z.string().min(1).max(2_000),
    })
    .optional(),
  /** Who signs for the change that replaces this policy; absent: nobody has to. */
  policyChanges: changeRulesSource.optional(),
  rules: z.array(ruleSource).max(500).optional(),
});

export type PolicySourceFile = z.output<typeof policySource>;
