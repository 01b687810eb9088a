import { pino } from 'pino';
import { describeWithKafka } from '#libs/testing/kafka-for-tests.js';
import { runQuietly } from '../contract/quiet-process.js';
import { installKafka } from './kafka-installation.js';

await describeWithKafka('a process that uses the event log in Kafka', (kafka) => {
  it('prints no warning of Node, and ends by itself once the log is closed', async () => {
    const { settings } = installKafka(kafka(), pino({ level: 'silent' }));
    const result = await runQuietly({
      KAFKA_BROKERS: settings.brokers.join(','),
      KAFKA_TOPIC_PREFIX: settings.topicPrefix,
    });
    expect(result).toEqual({ stderr: '', ended: '0' });
  }, 150_000);
});
