import { z } from 'zod';
import { identitySchema } from './identity.js';

export const uuidSchema = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'must be a lower-case UUID');

/** RFC 3339 in UTC with milliseconds, as Date.prototype.toISOString writes it. */
export const timeSchema = z
  .string()
  .regex(
    /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/,
    'must be a UTC time with milliseconds',
  );

export const sha256HexSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hexadecimal');

/** What every event carries. Events are flat: the fields of a type stand beside these. */
export const envelopeSchema = z.object({
  id: uuidSchema,
  type: z.string().regex(/^[a-z-]+\.[a-z-]+$/, 'must be <noun>.<past participle>'),
  schemaVersion: z.int().min(1),
  time: timeSchema,
  tenant: z.string().min(1).max(64),
  /** The life of one spool or outbox: a UUID made with it, never reused. */
  producer: uuidSchema,
  /** From 0, gapless for each (producer, topic, partition). */
  producerSeq: z.int().min(0),
  requestId: uuidSchema.optional(),
  sessionId: uuidSchema.optional(),
  /** The event that led to this one. */
  causationId: uuidSchema.optional(),
  identity: identitySchema.optional(),
});

export type Envelope = z.output<typeof envelopeSchema>;

/** The bytes of an event, made once; these are what is hashed, stored and exported. */
export const encodeEvent = (event: Envelope): Buffer => Buffer.from(JSON.stringify(event), 'utf8');
