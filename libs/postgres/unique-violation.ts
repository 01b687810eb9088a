import { UniqueIntegrityConstraintViolationError } from 'slonik';

/** Whether a query of a pool broke a unique constraint: somebody else was first, and nothing was stored. */
export const isUniqueViolation = (error: unknown): boolean =>
  error instanceof UniqueIntegrityConstraintViolationError;
