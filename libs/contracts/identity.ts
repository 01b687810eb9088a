import { z } from 'zod';

export const identityKinds = ['human', 'service', 'agent'] as const;

/** Who acts. Taken from a verified token, never from what a client says of itself. */
export const identitySchema = z.object({
  name: z.string().min(1).max(128),
  kind: z.enum(identityKinds),
  issuer: z.string().min(1).max(512),
  subject: z.string().min(1).max(256),
  groups: z.array(z.string().min(1).max(256)).max(200),
  /** For whom an agent acts: the name of its owner. */
  onBehalfOf: z.string().min(1).max(128).optional(),
});

export type Identity = z.output<typeof identitySchema>;
