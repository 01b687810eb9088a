import { z } from 'zod';

const group = z.string().min(1).max(256);
const count = z
  .int('must be a whole number')
  .min(1, 'must be at least 1: nobody could approve')
  .max(20, 'must be at most 20');

/**
 * Who must sign, as a policy writes it: a list of which every entry must be filled, each by `count`
 * distinct people of `group`, or of any of the groups in `anyOf`.
 */
export const reviewersSource = z
  .array(
    z
      .strictObject({ group: group.optional(), anyOf: z.array(group).min(1).max(20).optional(), count })
      .refine((entry) => (entry.group === undefined) !== (entry.anyOf === undefined), {
        error: 'must name one group, or some in anyOf',
      })
      .transform(({ group: one, anyOf: [first = '', ...or] = [], count: places }) => ({
        group: one ?? first,
        count: places,
        ...(or.length === 0 ? {} : { or }),
      })),
  )
  .min(1, 'must name at least one group: nobody could approve');
