import kafkajs, { type Admin } from 'kafkajs';
import { MAX_RECORD_BYTES, TOPIC_NAMES, TOPICS, type Topic } from '#libs/contracts/topics.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { whileUnsettled } from './while-unsettled.js';

/** Room for a record of the limit with what Kafka puts around it. */
const MAX_MESSAGE_BYTES = 1_048_576 + 65_536;

/** What a topic is created with. */
const TOPIC_CONFIG: Readonly<Record<string, string>> = {
  // Foreign producers may compress as they like; kafkajs reads gzip only, so the broker writes plain.
  'compression.type': 'uncompressed',
  // Records leave the log by trimming below what was sealed, never by age, size or key.
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'cleanup.policy': 'delete',
  'max.message.bytes': String(MAX_MESSAGE_BYTES),
};

/** What an existing topic must have. */
const REQUIRED: Readonly<
  Record<string, { readonly says: string; readonly holds: (value: string) => boolean }>
> = {
  'compression.type': {
    says: 'uncompressed or gzip',
    holds: (value) => value === 'uncompressed' || value === 'gzip',
  },
  'retention.ms': { says: '-1', holds: (value) => value === '-1' },
  'retention.bytes': { says: '-1', holds: (value) => value === '-1' },
  'cleanup.policy': { says: 'delete', holds: (value) => value === 'delete' },
  'max.message.bytes': {
    says: `at least ${MAX_RECORD_BYTES + 1_024}`,
    holds: (value) => Number(value) >= MAX_RECORD_BYTES + 1_024,
  },
};

/**
 * Checks every topic against the contracts and creates what is missing where that is allowed. Throws an
 * error of one line that names the topic and the setting.
 */
export async function ensureKafkaTopics(
  admin: Admin,
  topicName: (topic: Topic) => string,
  mayCreate: boolean,
): Promise<void> {
  const existing = new Set(await admin.listTopics());
  const missing = TOPIC_NAMES.filter((topic) => !existing.has(topicName(topic)));
  const [first] = missing;
  if (first !== undefined && !mayCreate) {
    throw new CodedError(
      'TOPIC_MISSING',
      `KAFKA_CREATE_TOPICS is off and the topic "${topicName(first)}" does not exist: create it with ${TOPICS[first].partitions} partitions and ${describeConfig()}`,
    );
  }
  if (missing.length > 0) await createTopics(admin, missing, topicName);
  // What was created a moment ago is not known to every broker yet.
  await whileUnsettled(() => checkPartitions(admin, topicName));
  await whileUnsettled(() => checkConfigs(admin, topicName));
}

async function createTopics(
  admin: Admin,
  missing: readonly Topic[],
  topicName: (topic: Topic) => string,
): Promise<void> {
  const replicationFactor = await defaultReplication(admin);
  const config = { ...TOPIC_CONFIG, ...(replicationFactor >= 3 ? { 'min.insync.replicas': '2' } : {}) };
  try {
    // False when somebody else created them at the same time; what they made is checked like the rest.
    await admin.createTopics({
      waitForLeaders: false,
      topics: missing.map((topic) => ({
        topic: topicName(topic),
        numPartitions: TOPICS[topic].partitions,
        replicationFactor,
        configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
      })),
    });
  } catch (cause) {
    const reasons = (cause as { errors?: Error[] }).errors?.map(messageOf).join('; ') ?? messageOf(cause);
    throw new CodedError(
      'TOPIC_NOT_CREATED',
      `the topics ${missing.map(topicName).join(', ')} could not be created: ${reasons}`,
      { cause },
    );
  }
}

/** The broker's own default, but no more replicas than there are brokers. */
async function defaultReplication(admin: Admin): Promise<number> {
  const { brokers, controller } = await admin.describeCluster();
  const nodeId = controller ?? brokers[0]?.nodeId ?? 0;
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
  return Math.min(Math.max(value, 1), Math.max(brokers.length, 1));
}

async function checkPartitions(admin: Admin, topicName: (topic: Topic) => string): Promise<void> {
  const { topics } = await admin.fetchTopicMetadata({ topics: TOPIC_NAMES.map(topicName) });
  for (const topic of TOPIC_NAMES) {
    const found = topics.find(({ name }) => name === topicName(topic))?.partitions.length ?? 0;
    if (found !== TOPICS[topic].partitions) {
      throw new CodedError(
        'TOPIC_MISMATCH',
        `the topic "${topicName(topic)}" has ${found} partitions and must have ${TOPICS[topic].partitions}; they never change in place: use another KAFKA_TOPIC_PREFIX`,
      );
    }
  }
}

async function checkConfigs(admin: Admin, topicName: (topic: Topic) => string): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: TOPIC_NAMES.map((topic) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name: topicName(topic),
      configNames: Object.keys(REQUIRED),
    })),
  });
  for (const { resourceName, configEntries } of resources) {
    for (const [name, { says, holds }] of Object.entries(REQUIRED)) {
      const value = configEntries.find(({ configName }) => configName === name)?.configValue ?? '';
      if (!holds(value)) {
        throw new CodedError(
          'TOPIC_MISMATCH',
          `the topic "${resourceName}" has ${name}=${value} and must have ${says}`,
        );
      }
    }
  }
}

const describeConfig = (): string =>
  Object.entries(TOPIC_CONFIG)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
