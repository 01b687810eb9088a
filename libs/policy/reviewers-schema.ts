import { z } from 'zod';

/** Who must sign, as a policy writes it: `[{ group: dba, count: 1 }]`. */
export const reviewersSource = z
  .array(
    z.strictObject({
      group: z.string().min(1).max(256),
      count: z
        .int('must be a whole number')
        .min(1, 'must be at least 1: nobody could approve')
        .max(20, 'must be at most 20'),
    }),
  )
  .min(1, 'must name at least one group: nobody could approve');
