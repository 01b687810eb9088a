import { createLogger } from '#libs/observability/logger.js';
import { applyAccessRules, createKafkaTopics } from '#libs/event-log/kafka/kafka-administration.js';
import { readEventLogSettings, type KafkaSettings } from '#libs/event-log/settings.js';
import { LOG_USERS, type LogUser } from '#libs/event-log/topic-access.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { SettingError } from '#libs/kernel/settings.js';
import { definitions } from './definitions.js';

const USAGE = `Usage, with KAFKA_BROKERS and the like of a user that may administer the cluster:
  npm run kafka:admin -- topics [--apply]
  npm run kafka:admin -- acls [--apply --gateway User:<name> --approvals User:<name> --audit User:<name>]
Without --apply it prints the definitions as JSON, with KAFKA_TOPIC_PREFIX in front of the names.`;

/** Prints what the cluster must have, or brings it there. */
async function main(given: readonly string[]): Promise<void> {
  const [command, ...options] = given;
  if (command !== 'topics' && command !== 'acls') throw new Error(USAGE);
  const apply = options.includes('--apply');
  const principals = new Map<LogUser, string>();
  for (let i = 0; i < options.length; i += 1) {
    const option = options[i] as string;
    if (option === '--apply') continue;
    const user = LOG_USERS.find((each) => option === `--${each}`);
    const principal = options[(i += 1)];
    if (command !== 'acls' || user === undefined || principal === undefined) throw new Error(USAGE);
    if (!/^[A-Za-z]+:[^*\s].*$/.test(principal))
      throw new Error(`--${user} ${principal}: a principal reads User:<name>, as the broker names it`);
    principals.set(user, principal);
  }
  if (!apply) {
    const prefix = process.env['KAFKA_TOPIC_PREFIX'] ?? '';
    console.log(JSON.stringify(definitions(prefix)[command], undefined, 2));
    return;
  }
  const settings = kafkaSettings();
  const logger = createLogger('kafka-admin', 'warn');
  if (command === 'topics') await createKafkaTopics(settings, logger);
  else {
    if (principals.size === 0) throw new Error(USAGE);
    await applyAccessRules(settings, principals, logger);
  }
  console.error(command === 'topics' ? 'The topics are as they must be.' : 'The rules are in force.');
}

function kafkaSettings(): KafkaSettings {
  const settings = readEventLogSettings(process.env);
  if (settings.kind !== 'kafka') throw new SettingError('KAFKA_BROKERS', 'is required but not set');
  return settings;
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(messageOf(error));
    process.exit(1);
  },
);
