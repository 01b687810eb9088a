import bolt from '@slack/bolt';
import type { Logger as BoltLogger } from '@slack/bolt';
import type { Logger } from '#libs/observability/logger.js';

/** Bolt's words as ours: first lines only, so that no body of a message comes into a log. */
export function boltLogger(logger: Logger): BoltLogger {
  const line = (parts: readonly unknown[]): string =>
    parts
      .map((part) => (part instanceof Error ? `${part.name}: ${part.message}` : String(part)))
      .join(' ')
      .split('\n')[0]!
      .slice(0, 300);
  return {
    debug: () => undefined,
    info: (...parts) => logger.debug({ bolt: line(parts) }, 'slack'),
    warn: (...parts) => logger.warn({ bolt: line(parts) }, 'slack'),
    error: (...parts) => logger.warn({ bolt: line(parts) }, 'slack'),
    setLevel: () => undefined,
    getLevel: () => bolt.LogLevel.INFO,
    setName: () => undefined,
  };
}
