import { z } from 'zod';
import { sha256HexSchema, uuidSchema } from './envelope.js';
import { identitySchema } from './identity.js';
import { targetSchema } from './events/target.js';

const base64Schema = z.base64();

/** The settings of the session that change what a statement means, in the order they are encoded. */
export const BOUND_SETTINGS = [
  'session_user',
  'current_user',
  'search_path',
  'client_encoding',
  'standard_conforming_strings',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'row_security',
  'session_replication_role',
  'transaction_isolation',
  'transaction_read_only',
] as const;

export type BoundSetting = (typeof BOUND_SETTINGS)[number];

/** One statement as it will be sent. Bytes travel as base64 so that nothing is re-encoded. */
export const boundStatementSchema = z.object({
  text: base64Schema,
  /** The texts that EXECUTE, FETCH and portals stand for, in order of reference. */
  standsFor: z.array(base64Schema),
  parameterTypes: z.array(z.int().min(0)),
  /** One for each parameter, after the protocol's 0-or-1-or-n shorthand is resolved. */
  parameterFormats: z.array(z.union([z.literal(0), z.literal(1)])),
  parameters: z.array(base64Schema.nullable()),
  resultFormats: z.array(z.union([z.literal(0), z.literal(1)])),
  /** Execute's row limit; 0 means none. */
  maxRows: z.int().min(0),
});

/** A relation, function or type that the statement names, as the server knew it. */
export const boundObjectSchema = z.object({
  class: z.enum(['relation', 'function', 'type']),
  oid: z.int().min(0),
  name: z.string(),
  definitionSha256: sha256HexSchema,
});

/**
 * All that an approval binds (DESIGN.md, third invariant). The gateway fills it from the bytes it is
 * about to send and from the server; approvals shows it to reviewers and computes the digest from it.
 */
export const bindingSchema = z.object({
  tenant: z.string(),
  gatewayId: uuidSchema,
  target: targetSchema,
  requester: identitySchema,
  /** Absent where the client resubmits instead of waiting: then the identity alone binds. */
  sessionId: uuidSchema.optional(),
  protocol: z.enum(['simple', 'extended', 'function-call']),
  statements: z.array(boundStatementSchema).min(1),
  objects: z.array(boundObjectSchema),
  settings: z.record(z.enum(BOUND_SETTINGS), z.string()),
  insideTransaction: z.boolean(),
  /** What no transaction can pin, in words a reviewer is shown; empty when everything is pinned. */
  unpinned: z.array(z.string()),
});

export type Binding = z.output<typeof bindingSchema>;
export type BoundStatement = z.output<typeof boundStatementSchema>;
export type BoundObject = z.output<typeof boundObjectSchema>;
