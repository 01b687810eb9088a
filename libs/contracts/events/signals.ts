import { z } from 'zod';
import { timeSchema } from '../envelope.js';

/** Table-level lock modes, weakest first, as pg_locks writes them. */
export const lockModes = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
] as const;
export type LockMode = (typeof lockModes)[number];

const relationLockSchema = z.object({ relation: z.string().max(256), mode: z.enum(lockModes) });

/**
 * What the gateway measured before it held a statement. Estimates, for people and for risk rules; nothing
 * here is bound by an approval. What could not be measured is null and says why: the strictest case.
 */
export const signalsSchema = z.object({
  measuredAt: timeSchema,
  /** Rows the planner expects the statement to read or change at its top; null: no estimate. */
  estimatedRows: z.number().min(0).nullable(),
  /** Rows of the largest table it writes (reads, where it writes none), as the server last counted them. */
  tableRows: z.number().min(0).nullable(),
  /** estimatedRows / tableRows, 0 to 1. */
  share: z.number().min(0).max(1).nullable(),
  /** Why there is no estimate; absent when there is one. */
  noEstimate: z.string().max(512).optional(),
  /** The locks the statement takes on tables, by the documentation of its kind. */
  locks: z.array(relationLockSchema).max(200),
  /** Locks that the session's open transaction already holds while it waits. */
  locksHeld: z.array(relationLockSchema).max(200),
  /** Whether the rows or objects can be brought back by another statement. */
  reversible: z.enum(['yes', 'no', 'unknown']),
  /** Columns it touches that hold personal data, as schema.table.column. null: cannot be told. */
  personalData: z.array(z.string().max(256)).max(200).nullable(),
  /** Whether a ceiling on rows can be kept: command tags do not count triggers, rules and cascades. */
  rowCeiling: z.enum(['guaranteed', 'not-guaranteed']),
  rowCeilingReason: z.string().max(512).optional(),
});

export type Signals = z.output<typeof signalsSchema>;
