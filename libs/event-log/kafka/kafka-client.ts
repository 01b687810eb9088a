import './request-queue-patch.js';
// A CommonJS module whose exports Node cannot name: the values come through the default import.
import kafkajs, { type Kafka } from 'kafkajs';
import type { Logger } from 'pino';
import type { KafkaSettings } from '../settings.js';
import { kafkaLogCreator } from './kafka-logger.js';

export const KAFKA_RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 10 } as const;

/** kafkajs with the settings every client of ours shares. Bounded waits: 3 s to connect, 10 s an answer. */
export const kafkaClient = (settings: KafkaSettings, clientId: string, logger: Logger): Kafka =>
  new kafkajs.Kafka({
    clientId,
    brokers: [...settings.brokers],
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: KAFKA_RETRY,
    logLevel: kafkajs.logLevel.INFO,
    logCreator: kafkaLogCreator(logger),
  });
