import { z } from 'zod';

const assessmentSchema = z.looseObject({
  score: z.number(),
  level: z.string(),
  reasons: z.array(z.looseObject({ rule: z.string(), score: z.number(), reason: z.string() })),
  actions: z.array(z.looseObject({ rule: z.string(), action: z.string() })),
});

/** What the command reads of an explanation; the API's other fields are passed on in `--json`. */
export const explanationSchema = z.looseObject({
  id: z.string(),
  verdict: z.looseObject({
    rule: z.string(),
    reason: z.string(),
    policyVersion: z.number(),
    policyHash: z.string(),
  }),
  assessment: assessmentSchema.nullable(),
  derived: assessmentSchema.nullable(),
  same: z.boolean().nullable(),
  route: z
    .looseObject({
      needed: z.array(
        z.looseObject({ group: z.string(), count: z.number(), or: z.array(z.string()).optional() }),
      ),
      order: z.string().optional(),
      raisedBy: z.array(z.string()).optional(),
    })
    .nullable(),
  decision: z
    .looseObject({ verdict: z.string(), decidedBy: z.array(z.string()), reason: z.string().optional() })
    .nullable(),
});
export type ExplanationDocument = z.output<typeof explanationSchema>;
