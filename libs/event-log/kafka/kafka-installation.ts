import { randomUUID } from 'node:crypto';
import kafkajs, { type Admin } from 'kafkajs';
import type { KafkaForTests } from '#libs/testing/kafka-for-tests.js';
import type { Installation } from '../contract/installation.js';
import { openEventLog, type OpenOptions } from '../open-event-log.js';
import type { EventLog } from '../port.js';
import type { KafkaSettings } from '../settings.js';
import { whileUnsettled } from './while-unsettled.js';

export interface KafkaInstallation extends Installation {
  readonly settings: KafkaSettings;
  admin<T>(work: (admin: Admin) => Promise<T>): Promise<T>;
  openAt(changes: Partial<KafkaSettings>): Promise<EventLog>;
}

/** An event log of a test's own: a prefix of its own on the broker. */
export function installKafka(kafka: KafkaForTests, logger: OpenOptions['logger']): KafkaInstallation {
  const settings: KafkaSettings = {
    kind: 'kafka',
    brokers: kafka.brokers.split(','),
    topicPrefix: `t-${randomUUID().slice(0, 8)}.`,
    createTopics: true,
  };
  const opened: EventLog[] = [];
  const admin = async <T>(work: (admin: Admin) => Promise<T>): Promise<T> => {
    const client = new kafkajs.Kafka({
      brokers: [...settings.brokers],
      logLevel: kafkajs.logLevel.NOTHING,
    }).admin();
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.disconnect();
    }
  };
  const openAt = async (changes: Partial<KafkaSettings>): Promise<EventLog> => {
    const log = await openEventLog(
      { ...settings, ...changes },
      { applicationName: 'test', logger, sessionTimeoutMs: kafka.sessionTimeoutMs },
    );
    opened.push(log);
    return log;
  };
  return {
    settings,
    admin,
    openAt,
    open: () => openAt({}),
    trim: ({ topic, partition }, below) =>
      admin(async (client) => {
        const name = `${settings.topicPrefix}${topic}`;
        // Makes kafkajs learn where the topic is.
        await whileUnsettled(() => client.fetchTopicOffsets(name));
        await client.deleteTopicRecords({ topic: name, partitions: [{ partition, offset: String(below) }] });
      }),
    dispose: async () => {
      await Promise.all(opened.map((log) => log.close()));
    },
  };
}
