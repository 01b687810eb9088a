import { z } from 'zod';
import { signalsSchema } from '#libs/contracts/events/signals.js';

/** What the command reads of a request; the API's other fields are passed on in `--json`. */
export const requestSchema = z.looseObject({
  id: z.string(),
  state: z.string(),
  requester: z.string(),
  target: z.string(),
  rule: z.string(),
  needed: z.number().nullable(),
  statement: z.looseObject({ text: z.string(), sha256: z.string() }),
  votes: z.array(z.looseObject({ voter: z.string(), decision: z.string(), reason: z.string().optional() })),
  createdAt: z.string().optional(),
  expiresAt: z.string().optional(),
  endReason: z.string().optional(),
  outcome: z.string().optional(),
  maxRows: z.number().optional(),
  signals: signalsSchema.optional(),
  risk: z.looseObject({ score: z.number(), level: z.string() }).optional(),
  refusal: z
    .looseObject({
      approvable: z
        .looseObject({ bounded: z.boolean().optional(), maxRows: z.number().optional() })
        .optional(),
    })
    .optional(),
});
export type RequestDocument = z.output<typeof requestSchema>;

/** States a request can no longer leave for the better: nothing is left to wait for. */
export const isSettled = (state: string): boolean => state !== 'pending';

/** Whether the reviewers said yes and nobody took it back. */
export const isApproved = (state: string): boolean => state === 'granted' || state === 'consumed';
