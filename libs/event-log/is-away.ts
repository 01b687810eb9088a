import { CodedError, messageOf } from '#libs/kernel/coded-error.js';

const NO_ANSWER: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  // PostgreSQL is starting or stopping.
  '57P03',
]);

/** Whether opening an event log failed for want of an answer: not for what it answered, or for a setting. */
export const isAway = (error: unknown): boolean =>
  error instanceof CodedError
    ? error.code === 'KAFKA_UNREACHABLE' && error.message.startsWith('KAFKA_BROKERS:')
    : NO_ANSWER.has((error as { code?: unknown } | null)?.code) ||
      messageOf(error).startsWith('Connection terminated');
