import { randomBytes } from 'node:crypto';
import { isAway } from '#libs/event-log/is-away.js';
import { LateEventLog } from '#libs/event-log/late-event-log.js';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLog } from '#libs/event-log/port.js';
import { systemClock } from '#libs/kernel/clock.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { newId } from '#libs/kernel/uuid.js';
import { createLogger } from '#libs/observability/logger.js';
import { readConfig } from './config.js';
import { startGateway, type Gateway } from './start-gateway.js';

/** SIGTERM and SIGINT may both come, and more than once: the first one counts, and has this long. */
const STOP_LIMIT_MS = 10_000;

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const logger = createLogger('gateway', config.logLevel);
  const open = async (): Promise<EventLog> => {
    const log = await openEventLog(config.eventLog, {
      applicationName: 'countersign gateway',
      user: 'gateway',
      logger,
    });
    try {
      await log.ensureTopics();
      return log;
    } catch (error) {
      await log.close();
      throw error;
    }
  };
  const eventLog = await open().catch((error: unknown) => {
    if (!isAway(error)) throw error;
    logger.warn({ err: error }, 'the event log does not answer: the policy that was kept counts');
    return new LateEventLog(config.eventLog.kind, error as Error, open, logger);
  });
  const late = eventLog instanceof LateEventLog ? { eventLogAway: () => eventLog.problem } : {};
  let gateway: Gateway;
  try {
    gateway = await startGateway(config, {
      eventLog,
      clock: systemClock,
      newId,
      randomBytes,
      logger,
      ...late,
    });
  } catch (error) {
    await eventLog.close();
    throw error;
  }
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'the gateway stops');
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    void gateway
      .stop()
      .then(() => eventLog.close())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'the gateway did not end cleanly');
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`gateway: ${messageOf(error).split('\n')[0]}\n`);
  process.exit(1);
});
