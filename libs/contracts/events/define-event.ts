import { z } from 'zod';
import { envelopeSchema } from '../envelope.js';
import type { Topic } from '../topics.js';

/** One type of event: its name, the version its writers write, the topic it travels on, its fields. */
export function defineEvent<const T extends string, F extends z.ZodRawShape>(
  type: T,
  schemaVersion: number,
  topic: Topic,
  fields: F,
) {
  const schema = envelopeSchema.extend({
    type: z.literal(type),
    schemaVersion: z.literal(schemaVersion),
    ...fields,
  });
  return { type, schemaVersion, topic, schema };
}
