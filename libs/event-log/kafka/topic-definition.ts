import { MAX_RECORD_BYTES, TOPICS, type Topic } from '#libs/contracts/topics.js';

/** Room for a record of the limit with what Kafka puts around it. */
const MAX_MESSAGE_BYTES = 1_048_576 + 65_536;

/** With as many replicas as this, two of them must have a record before it is acknowledged. */
export const REPLICAS_FOR_TWO_IN_SYNC = 3;

export interface TopicDefinition {
  readonly partitions: number;
  /** What it is created with. */
  readonly config: Readonly<Record<string, string>>;
}

const CONFIG: Readonly<Record<string, string>> = {
  // Foreign producers may compress as they like; kafkajs reads gzip only, so the broker writes plain.
  'compression.type': 'uncompressed',
  // Records leave the log by trimming below what was sealed, never by age, size or key.
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'cleanup.policy': 'delete',
  'max.message.bytes': String(MAX_MESSAGE_BYTES),
};

/** The topics as they are created; deploy/kafka/topics.json says the same to those who create them otherwise. */
export const topicDefinition = (topic: Topic): TopicDefinition => ({
  partitions: TOPICS[topic].partitions,
  config: CONFIG,
});

export interface ConfigRule {
  readonly says: string;
  readonly holds: (value: string) => boolean;
}

const exactly = (wanted: string): ConfigRule => ({ says: wanted, holds: (value) => value === wanted });

/** What an existing topic must have. */
export const REQUIRED_CONFIG: Readonly<Record<string, ConfigRule>> = {
  'compression.type': {
    says: 'uncompressed or gzip',
    holds: (value) => value === 'uncompressed' || value === 'gzip',
  },
  'retention.ms': exactly('-1'),
  'retention.bytes': exactly('-1'),
  'cleanup.policy': exactly('delete'),
  'max.message.bytes': {
    says: `at least ${MAX_RECORD_BYTES + 1_024}`,
    holds: (value) => Number(value) >= MAX_RECORD_BYTES + 1_024,
  },
};
