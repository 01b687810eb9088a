import { openEventLog } from '#libs/event-log/open-event-log.js';
import { systemClock } from '#libs/kernel/clock.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { newId } from '#libs/kernel/uuid.js';
import { createLogger } from '#libs/observability/logger.js';
import { loadPolicy } from '#libs/policy/load-policy.js';
import { naming, readConfig } from './config.js';
import { effectivePolicy } from './policy/effective-policy.js';
import { startApprovals } from './start-approvals.js';

/** The longest a stop may take, ms; then the process ends as it is, which loses nothing. */
const STOP_MS = 10_000;

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const policy = effectivePolicy(config);
  const logger = createLogger('approvals', config.logLevel);
  const eventLog = await naming(config.eventLog.kind === 'kafka' ? 'KAFKA_BROKERS' : 'DATABASE_URL', () =>
    openEventLog(config.eventLog, { applicationName: 'countersign approvals', user: 'approvals', logger }),
  );
  await eventLog.ensureTopics();

  let stopping = false;
  let stop = (): Promise<void> => eventLog.close();
  const end = (exitCode: number): void => {
    // A repeated signal does not cut the drain.
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(exitCode === 0 ? 1 : exitCode), STOP_MS).unref();
    stop().then(
      () => process.exit(exitCode),
      (err: unknown) => {
        logger.error({ err }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => end(0));
  process.on('SIGINT', () => end(0));

  const approvals = await startApprovals(config, {
    eventLog,
    policy,
    readPolicy: (text) => loadPolicy({ text, file: 'published policy', reviewers: config.reviewers }),
    clock: systemClock,
    newId,
    logger,
    onFatal: (err) => {
      logger.fatal({ err }, 'the event log cannot be read any further');
      end(1);
    },
  });
  process.on('SIGHUP', () => {
    approvals.reloadPolicy().catch((err: unknown) => logger.error({ err }, 'the policy was not looked at'));
  });
  stop = async () => {
    await approvals.stop();
    await eventLog.close();
  };
}

main().catch((error: unknown) => {
  process.stderr.write(`${messageOf(error).split('\n')[0]}\n`);
  process.exit(1);
});
