import { randomBytes } from 'node:crypto';
import { openEventLog } from '#libs/event-log/open-event-log.js';
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
  const eventLog = await openEventLog(config.eventLog, {
    applicationName: 'countersign gateway',
    user: 'gateway',
    logger,
  });
  let gateway: Gateway;
  try {
    await eventLog.ensureTopics();
    gateway = await startGateway(config, { eventLog, clock: systemClock, newId, randomBytes, logger });
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
