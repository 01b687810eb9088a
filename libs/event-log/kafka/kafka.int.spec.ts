import { pino } from 'pino';
import { describeWithKafka } from '#libs/testing/kafka-for-tests.js';
import { describeEventLog } from '../contract/event-log-contract.js';
import { installKafka } from './kafka-installation.js';

await describeWithKafka('with a real broker', (kafka) => {
  describeEventLog('the event log in Kafka', () =>
    Promise.resolve(installKafka(kafka(), pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }))),
  );
});
