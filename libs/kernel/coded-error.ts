/**
 * Broken I/O or broken state: an error with a stable code, told apart from refusals, which are values.
 * `safeToRetry` is true only when it is certain that nothing took effect.
 */
export class CodedError extends Error {
  readonly code: string;
  readonly safeToRetry: boolean;

  constructor(code: string, message: string, options: { cause?: unknown; safeToRetry?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CodedError';
    this.code = code;
    this.safeToRetry = options.safeToRetry ?? false;
  }
}

export const hasCode = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && (error as { code?: unknown }).code === code;

/** The message of anything thrown, for a log line or a person. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
