import './request-queue-patch.js';
import type { ConnectionOptions } from 'node:tls';
// A CommonJS module whose exports Node cannot name: the values come through the default import.
import kafkajs, { type Kafka, type SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import type { KafkaSasl, KafkaTls } from '../kafka-security-settings.js';
import type { KafkaSettings } from '../settings.js';
import { kafkaLogCreator } from './kafka-logger.js';
import { oauthTokens } from './oauth-token.js';
import { socketFactory } from './socket-factory.js';

export const KAFKA_RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 10 } as const;

/** kafkajs with the settings every client of ours shares. Bounded waits: 3 s to connect, 10 s an answer. */
export const kafkaClient = (settings: KafkaSettings, clientId: string, logger: Logger): Kafka =>
  new kafkajs.Kafka({
    clientId,
    brokers: [...settings.brokers],
    ...(settings.tls === undefined ? {} : { ssl: tlsOptions(settings.tls) }),
    ...(settings.sasl === undefined ? {} : { sasl: saslOptions(settings.sasl) }),
    connectionTimeout: 3_000,
    authenticationTimeout: 10_000,
    requestTimeout: 10_000,
    retry: KAFKA_RETRY,
    logLevel: kafkajs.logLevel.INFO,
    logCreator: kafkaLogCreator(logger),
    socketFactory,
  });

/** The broker's certificate and its name are always verified. */
const tlsOptions = ({ ca, client }: KafkaTls): ConnectionOptions => ({
  minVersion: 'TLSv1.2',
  rejectUnauthorized: true,
  ...(ca === undefined ? {} : { ca: [ca] }),
  ...client,
});

function saslOptions(sasl: KafkaSasl): SASLOptions {
  if (sasl.mechanism !== 'oauthbearer') return sasl;
  const token = oauthTokens(sasl.token);
  return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await token() }) };
}
