import type { Logger } from 'pino';
import { TOPIC_NAMES } from '#libs/contracts/topics.js';
import { EmbeddedEventLog } from './embedded/embedded-event-log.js';
import type { EventLog } from './port.js';
import type { EventLogSettings } from './settings.js';
import { topicsOf, type LogUser } from './topic-access.js';

const DEFAULT_SESSION_MS = 8_000;

export interface OpenOptions {
  /** Names the process in the log's own listings (application_name, client.id). */
  readonly applicationName: string;
  readonly logger: Logger;
  /** The service that opens it: then only the topics it uses are checked. Default: all of them. */
  readonly user?: LogUser;
  /** How long a silent member keeps its partitions, in milliseconds. Default 8 000; tests shorten it. */
  readonly sessionTimeoutMs?: number;
}

/**
 * Opens the event log that the settings name. Rejects when it cannot be reached or is not there: a
 * start error. Call ensureTopics() before the first append.
 */
export async function openEventLog(settings: EventLogSettings, options: OpenOptions): Promise<EventLog> {
  const sessionTimeoutMs = options.sessionTimeoutMs ?? DEFAULT_SESSION_MS;
  const { applicationName, logger } = options;
  if (settings.kind === 'kafka') {
    // Loaded only where it is used: kafkajs takes a while, and its patch holds for the whole process.
    const { KafkaEventLog } = await import('./kafka/kafka-event-log.js');
    const topics = options.user === undefined ? TOPIC_NAMES : topicsOf(options.user);
    return KafkaEventLog.open({ settings, applicationName, sessionTimeoutMs, topics, logger });
  }
  return EmbeddedEventLog.open({
    url: settings.databaseUrl,
    applicationName,
    logger,
    times: { sessionTimeoutMs, heartbeatMs: Math.min(1_000, sessionTimeoutMs / 4) },
  });
}
