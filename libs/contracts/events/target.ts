import { z } from 'zod';

export const targetSchema = z.object({
  name: z.string().min(1).max(63),
  kind: z.literal('postgres'),
  environment: z.string().min(1).max(64),
  database: z.string().min(1).max(63),
});

export type Target = z.output<typeof targetSchema>;
