import { pino } from 'pino';
import { describeWithKafka } from '#libs/testing/kafka-for-tests.js';
import { collect } from '../contract/collect.js';
import { record } from '../contract/installation.js';
import { SerialProducer } from '../serial-producer.js';
import { KafkaBatchSender } from './kafka-batch-sender.js';
import { kafkaClient } from './kafka-client.js';
import { installKafka, type KafkaInstallation } from './kafka-installation.js';

await describeWithKafka('a producer of Kafka that lives long', (kafka) => {
  let installation: KafkaInstallation;

  beforeEach(() => {
    installation = installKafka(kafka(), pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }));
  });

  afterEach(() => installation.dispose());

  it('takes a new producer id before the old one has counted too far, and nothing shows', async () => {
    const log = await installation.open();
    await log.ensureTopics();
    const logger = pino({ level: 'silent' });
    const client = kafkaClient(installation.settings, 'test', logger);
    const sender = new KafkaBatchSender(
      client,
      (topic) => `${installation.settings.topicPrefix}${topic}`,
      10,
    );
    await sender.open();
    const producer = new SerialProducer(sender, logger);
    for (let i = 0; i < 35; i += 1) await producer.append([record('control', 0, String(i))]);
    await producer.close();
    const found = await collect(log, { topic: 'control', partition: 0 }, 35);
    expect(found.map((one) => String(one.value))).toEqual(Array.from({ length: 35 }, (_, i) => String(i)));
  });
});
