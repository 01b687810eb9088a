import kafkajs, { type AclEntry, type Admin } from 'kafkajs';
import type { Logger } from 'pino';
import { TOPIC_NAMES } from '#libs/contracts/topics.js';
import type { KafkaSettings } from '../settings.js';
import type { LogUser } from '../topic-access.js';
import { accessRules } from './access-rules.js';
import { kafkaClient } from './kafka-client.js';
import { ensureKafkaTopics } from './topic-check.js';

/** Works with the administration of the cluster that the settings name; their user must be allowed to. */
export async function asKafkaAdmin<T>(
  settings: KafkaSettings,
  logger: Logger,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = kafkaClient(settings, 'countersign administration', logger).admin({ retry: { retries: 5 } });
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Creates the topics that are missing and checks the rest, as a service does when it starts. */
export const createKafkaTopics = (settings: KafkaSettings, logger: Logger): Promise<void> =>
  asKafkaAdmin(settings, logger, (admin) =>
    ensureKafkaTopics({
      admin,
      topics: TOPIC_NAMES,
      topicName: (topic) => `${settings.topicPrefix}${topic}`,
      mayCreate: true,
      logger,
    }),
  );

/** Allows each principal (`User:name`) what its service may do. What was allowed before stays: Kafka adds up. */
export const applyAccessRules = (
  settings: KafkaSettings,
  principals: ReadonlyMap<LogUser, string>,
  logger: Logger,
): Promise<void> =>
  asKafkaAdmin(settings, logger, async (admin) => {
    await admin.createAcls({
      acl: [...principals].flatMap(([user, principal]) => aclEntries(user, principal, settings.topicPrefix)),
    });
  });

const aclEntries = (user: LogUser, principal: string, prefix: string): AclEntry[] =>
  accessRules(user, prefix).flatMap(({ resource, pattern, name, operations }) =>
    operations.map((operation) => ({
      resourceType: kafkajs.AclResourceTypes[resource],
      resourcePatternType: kafkajs.ResourcePatternTypes[pattern],
      resourceName: name,
      principal,
      host: '*',
      operation: kafkajs.AclOperationTypes[operation],
      permissionType: kafkajs.AclPermissionTypes.ALLOW,
    })),
  );
