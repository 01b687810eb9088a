import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/**
 * JSON lines on standard output, one logger a process. Secrets are cut by name wherever they stand;
 * statement text never goes into a log: log its sha256 and its kind.
 */
export const createLogger = (
  service: string,
  level = process.env['COUNTERSIGN_LOG_LEVEL'] ?? 'info',
): Logger =>
  pino({
    name: service,
    level,
    redact: {
      paths: [
        'password',
        'token',
        'authorization',
        'url',
        '*.password',
        '*.token',
        '*.authorization',
        '*.url',
        'text',
        '*.text',
      ],
      censor: '[redacted]',
    },
  });
