import kafkajs, { type Admin } from 'kafkajs';
import type { Logger } from 'pino';
import type { Topic } from '#libs/contracts/topics.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { REPLICAS_FOR_TWO_IN_SYNC, REQUIRED_CONFIG, topicDefinition } from './topic-definition.js';
import { whileUnsettled } from './while-unsettled.js';

const MIN_IN_SYNC = 'min.insync.replicas';

export interface TopicCheck {
  readonly admin: Admin;
  /** The topics this process uses; of others it need not know. */
  readonly topics: readonly Topic[];
  readonly topicName: (topic: Topic) => string;
  readonly mayCreate: boolean;
  readonly logger: Logger;
}

/**
 * Checks the topics against the contracts and creates what is missing where that is allowed. Throws an
 * error of one line that names every topic and setting that is wrong. How safely Kafka keeps them is its
 * operator's choice: that is logged.
 */
export async function ensureKafkaTopics(check: TopicCheck): Promise<void> {
  const { admin, topics, topicName, mayCreate } = check;
  const existing = new Set(await admin.listTopics());
  const missing = topics.filter((topic) => !existing.has(topicName(topic)));
  const [first] = missing;
  if (first !== undefined && !mayCreate) {
    const { partitions, config } = topicDefinition(first);
    throw new CodedError(
      'TOPIC_MISSING',
      `KAFKA_CREATE_TOPICS is off and the topic "${topicName(first)}" does not exist: create it with ${partitions} partitions and ${describeConfig(config)}`,
    );
  }
  if (missing.length > 0) await createTopics(check, missing);
  // What was created a moment ago is not known to every broker yet.
  const replicas = await whileUnsettled(() => checkPartitions(check));
  await whileUnsettled(() => checkConfigs(check, replicas));
}

async function createTopics({ admin, topicName }: TopicCheck, missing: readonly Topic[]): Promise<void> {
  const replicationFactor = await defaultReplication(admin);
  const safer = replicationFactor >= REPLICAS_FOR_TWO_IN_SYNC ? { [MIN_IN_SYNC]: '2' } : {};
  try {
    // False when somebody else created them at the same time; what they made is checked like the rest.
    await admin.createTopics({
      waitForLeaders: false,
      topics: missing.map((topic) => {
        const { partitions, config } = topicDefinition(topic);
        return {
          topic: topicName(topic),
          numPartitions: partitions,
          replicationFactor,
          configEntries: Object.entries({ ...config, ...safer }).map(([name, value]) => ({ name, value })),
        };
      }),
    });
  } catch (cause) {
    const reasons = (cause as { errors?: Error[] }).errors?.map(messageOf).join('; ') ?? messageOf(cause);
    throw new CodedError(
      'TOPIC_NOT_CREATED',
      `the topics ${missing.map(topicName).join(', ')} do not exist, or this user may not see them, and could not be created: ${reasons}`,
      { cause },
    );
  }
}

/** The broker's own default, but no more replicas than there are brokers. */
async function defaultReplication(admin: Admin): Promise<number> {
  const { brokers, controller } = await admin.describeCluster();
  const nodeId = controller ?? brokers[0]?.nodeId ?? 0;
  const atMost = Math.max(brokers.length, 1);
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.BROKER,
          name: String(nodeId),
          configNames: ['default.replication.factor'],
        },
      ],
    });
    const value = Number(resources[0]?.configEntries[0]?.configValue ?? 1);
    return Math.min(Math.max(value, 1), atMost);
  } catch (error) {
    // A user that may create topics need not be allowed to read the broker's settings.
    if ((error as { type?: string }).type !== 'CLUSTER_AUTHORIZATION_FAILED') throw error;
    return Math.min(REPLICAS_FOR_TWO_IN_SYNC, atMost);
  }
}

/** How many replicas each topic has, by its name: the fewest of its partitions. */
async function checkPartitions({ admin, topics, topicName }: TopicCheck): Promise<Map<string, number>> {
  const metadata = await admin.fetchTopicMetadata({ topics: topics.map(topicName) });
  const wrong: string[] = [];
  const replicas = new Map<string, number>();
  for (const topic of topics) {
    const name = topicName(topic);
    const found = metadata.topics.find((each) => each.name === name)?.partitions ?? [];
    const { partitions } = topicDefinition(topic);
    if (found.length !== partitions)
      wrong.push(`the topic "${name}" has ${found.length} partitions and must have ${partitions}`);
    replicas.set(name, Math.min(...found.map((each) => each.replicas.length)));
  }
  if (wrong.length > 0) {
    throw new CodedError(
      'TOPIC_MISMATCH',
      `${wrong.join('; ')}; partitions never change in place: use another KAFKA_TOPIC_PREFIX`,
    );
  }
  return replicas;
}

async function checkConfigs(
  { admin, topics, topicName, logger }: TopicCheck,
  replicas: ReadonlyMap<string, number>,
): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map((topic) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name: topicName(topic),
      configNames: [...Object.keys(REQUIRED_CONFIG), MIN_IN_SYNC],
    })),
  });
  const wrong: string[] = [];
  for (const { resourceName: topic, configEntries } of resources) {
    const valueOf = (name: string): string =>
      configEntries.find(({ configName }) => configName === name)?.configValue ?? '';
    for (const [name, { says, holds }] of Object.entries(REQUIRED_CONFIG)) {
      if (!holds(valueOf(name)))
        wrong.push(`the topic "${topic}" has ${name}=${valueOf(name)} and must have ${says}`);
    }
    const minInSync = Number(valueOf(MIN_IN_SYNC));
    const copies = replicas.get(topic) ?? 0;
    if (minInSync > copies)
      wrong.push(
        `the topic "${topic}" has ${MIN_IN_SYNC}=${minInSync} but ${copies} replicas: nothing can be appended`,
      );
    else {
      const line = { topic, replicas: copies, minInSyncReplicas: minInSync };
      if (copies > 1 && minInSync < 2)
        logger.warn(line, 'a record may be acknowledged that only one broker has: set min.insync.replicas=2');
      else if (copies === 1) logger.info(line, 'the topic has one replica: what its broker loses is lost');
      else logger.info(line, 'the topic is as it must be');
    }
  }
  if (wrong.length > 0) throw new CodedError('TOPIC_MISMATCH', wrong.join('; '));
}

/** The least `min.insync.replicas` of any topic. */
export async function leastInsyncReplicas({
  admin,
  topics,
  topicName,
}: Pick<TopicCheck, 'admin' | 'topics' | 'topicName'>): Promise<number> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map((topic) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name: topicName(topic),
      configNames: [MIN_IN_SYNC],
    })),
  });
  return Math.min(...resources.map(({ configEntries }) => Number(configEntries[0]?.configValue ?? 1)));
}

const describeConfig = (config: Readonly<Record<string, string>>): string =>
  Object.entries(config)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
