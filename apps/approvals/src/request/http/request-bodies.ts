import { z } from 'zod';
import { ProblemException } from '#libs/http/problem.js';
import { requestStatuses } from '../domain/request-state.js';

/** Why somebody decided so. */
export const reasonSchema = z.string().max(2000, 'must have at most 2000 characters');

export const voteBodySchema = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  reason: reasonSchema.optional(),
  maxRows: z.int().min(0).optional(),
});

export const commentBodySchema = z.strictObject({ text: z.string().min(1).max(4000) });

export const revokeBodySchema = z.strictObject({ reason: reasonSchema.optional() });

export const listQuerySchema = z.strictObject({
  state: z.enum(requestStatuses).optional(),
  /** The `next` of the page before. */
  after: z
    .string()
    .regex(/^[0-9]{1,18}$/, 'must be the `next` of an earlier answer')
    .optional(),
  limit: z
    .string()
    .regex(/^[0-9]{1,3}$/, 'must be a number from 1 to 500')
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 500, 'must be a number from 1 to 500')
    .default(100),
});

export const waitQuerySchema = z.strictObject({
  /** Answers as soon as the state is another one, or the version is above this number. */
  after: z
    .union([
      z.enum(requestStatuses),
      z
        .string()
        .regex(/^[0-9]{1,9}$/)
        .transform(Number),
    ])
    .default('pending'),
  /** Seconds; then it answers with the state as it is. */
  timeout: z
    .string()
    .regex(/^[0-9]{1,2}$/, 'must be a number of seconds from 0 to 60')
    .transform(Number)
    .refine((seconds) => seconds <= 60, 'must be a number of seconds from 0 to 60')
    .default(30),
});

/** Client's own key of a command: printable ASCII, at most 200 characters. */
export const idempotencyKeySchema = z.string().regex(/^[\x21-\x7e]{1,200}$/);

/** Reads a part of an HTTP request; throws the problem that names what is wrong with it. */
export function read<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join('.') ?? '';
  throw new ProblemException(
    'invalid',
    400,
    'The request is not valid',
    `${where === '' ? '' : `${where}: `}${issue?.message ?? 'not valid'}`,
    { code: 'invalid' },
  );
}
