import { z } from 'zod';
import { readSettings, SettingError } from '#libs/kernel/settings.js';
import { kafkaSecurityShape, readKafkaSecurity, type KafkaSecurity } from './kafka-security-settings.js';

const BROKER = /^[A-Za-z0-9._-]+:[0-9]{1,5}$|^\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}$/;

/** The variables of the event log, for a schema of an app's own. */
export const eventLogSettingsShape = {
  KAFKA_BROKERS: z
    .string()
    .transform((list) => list.split(',').map((broker) => broker.trim()))
    .refine((brokers) => brokers.every((broker) => BROKER.test(broker)), 'must be host:port,host:port,…')
    .optional(),
  // Kafka allows names of 249 characters; what stands behind the prefix needs some of them.
  KAFKA_TOPIC_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]{0,120}$/, 'may have letters, digits, ".", "-" and "_" only, 120 at most')
    .default(''),
  KAFKA_CREATE_TOPICS: z.enum(['on', 'off'], 'must be on or off').default('on'),
  ...kafkaSecurityShape,
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be a postgresql:// URL')
    .optional(),
} as const;

export interface KafkaSettings extends KafkaSecurity {
  readonly kind: 'kafka';
  /** host:port of each. */
  readonly brokers: readonly string[];
  /** Stands directly before every topic and consumer group. */
  readonly topicPrefix: string;
  readonly createTopics: boolean;
}

export interface EmbeddedSettings {
  readonly kind: 'embedded';
  readonly databaseUrl: string;
}

export type EventLogSettings = KafkaSettings | EmbeddedSettings;

/** Reads the event log's settings; throws SettingError, one line that names the variable. */
export function readEventLogSettings(
  environment: Readonly<Record<string, string | undefined>>,
): EventLogSettings {
  const given = readSettings(z.object(eventLogSettingsShape), environment);
  if (given.KAFKA_BROKERS !== undefined) {
    return {
      kind: 'kafka',
      brokers: given.KAFKA_BROKERS,
      topicPrefix: given.KAFKA_TOPIC_PREFIX,
      createTopics: given.KAFKA_CREATE_TOPICS === 'on',
      ...readKafkaSecurity(environment, given.KAFKA_BROKERS),
    };
  }
  if (given.DATABASE_URL === undefined) {
    throw new SettingError('DATABASE_URL', 'is required for the embedded event log (or set KAFKA_BROKERS)');
  }
  return { kind: 'embedded', databaseUrl: given.DATABASE_URL };
}
