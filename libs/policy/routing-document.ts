import { z } from 'zod';
import { durationSource } from './duration-source.js';
import { reviewersSource } from './reviewers-schema.js';
import { isTimeZone } from './time-zone.js';

const DAY_MS = 86_400_000;
const someTime = durationSource(1_000, 7 * DAY_MS, 'from 1s to 7d');

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const wallClock = z
  .string()
  .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, 'must be a time of day such as 22:00, in quotes');

const window = z.strictObject({
  /** The days on which it begins. Absent: every day. */
  days: z.array(z.enum(weekdays)).min(1).max(7).optional(),
  from: wallClock,
  to: wallClock,
  timeZone: z.string().max(64).refine(isTimeZone, 'must be a time zone such as Europe/Zurich').optional(),
});

/** How those who must sign are asked, beside `reviewers`. */
export const routingSource = z.strictObject({
  order: z.enum(['parallel', 'sequential'], 'must be parallel or sequential').optional(),
  /** Nobody decided so long after they were asked: these may sign instead. */
  then: z
    .array(z.strictObject({ after: someTime, reviewers: reviewersSource }))
    .min(1)
    .max(5)
    .optional(),
  reminders: z
    .strictObject({
      after: someTime,
      /** Each pause is so many times the one before. */
      factor: z.number().min(1).max(10).optional(),
      max: z.int().min(1).max(20).optional(),
    })
    .optional(),
  /** Approvals count only inside one of these. */
  windows: z.array(window).min(1).max(20).optional(),
  /** How long a grant is good for, from the approval. */
  grant: z.strictObject({ expires: durationSource(1_000, DAY_MS, 'from 1s to 24h') }).optional(),
});

export type RoutingSource = z.output<typeof routingSource>;
