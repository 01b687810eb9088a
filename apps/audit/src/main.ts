import { openEventLog } from '#libs/event-log/open-event-log.js';
import { systemClock } from '#libs/kernel/clock.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { newId } from '#libs/kernel/uuid.js';
import { createLogger } from '#libs/observability/logger.js';
import { readConfig } from './config.js';
import { startAudit } from './start-audit.js';

/** A drain that takes longer is cut; a repeated signal does not cut it. */
const DRAIN_MS = 10_000;

/** Standard output carries log lines only; a start error is one line on standard error, exit code 1. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const logger = createLogger('audit', config.logLevel);
  let stopping = false;
  let stopParts: () => Promise<void> = () => Promise.resolve();

  const end = (code: number): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => {
      logger.error('the drain took too long');
      process.exit(1);
    }, DRAIN_MS).unref();
    stopParts().then(
      () => process.exit(code),
      (error: unknown) => {
        logger.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end(0));

  const eventLog = await openEventLog(config.eventLog, {
    applicationName: 'countersign audit',
    user: 'audit',
    logger,
  });
  stopParts = () => eventLog.close();
  await eventLog.ensureTopics();
  const audit = await startAudit(config, {
    eventLog,
    clock: systemClock,
    newId,
    logger,
    onFatal: (error) => {
      logger.fatal({ err: error }, 'the event log cannot go on');
      end(1);
    },
  });
  stopParts = async () => {
    await audit.stop();
    await eventLog.close();
  };
}

main().catch((error: unknown) => {
  process.stderr.write(`audit: ${messageOf(error).split('\n')[0]}\n`);
  process.exit(1);
});
