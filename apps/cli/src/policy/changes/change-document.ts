import { z } from 'zod';

const names = z.array(z.string());

/** What the command reads of a change of policy; the API's other fields are passed on in `--json`. */
export const changeSchema = z.looseObject({
  id: z.string(),
  state: z.string(),
  author: z.string(),
  authorVerified: z.boolean(),
  reason: z.string(),
  version: z.number(),
  hash: z.string(),
  previousHash: z.string(),
  needed: z.number(),
  reviewers: z.array(
    z.looseObject({ group: z.string(), count: z.number(), or: z.array(z.string()).optional() }),
  ),
  votes: z.array(z.looseObject({ voter: z.string(), decision: z.string(), reason: z.string().optional() })),
  diff: z
    .looseObject({
      added: names,
      removed: names,
      changed: names,
      settings: names,
      lines: z.string().optional(),
    })
    .optional(),
  proposedAt: z.string(),
  expiresAt: z.string().optional(),
  endReason: z.string().optional(),
});
export type ChangeDocument = z.output<typeof changeSchema>;
