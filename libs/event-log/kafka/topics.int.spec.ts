import { pino } from 'pino';
import { TOPIC_NAMES, TOPICS } from '#libs/contracts/topics.js';
import { describeWithKafka } from '#libs/testing/kafka-for-tests.js';
import { installKafka, type KafkaInstallation } from './kafka-installation.js';

await describeWithKafka('the topics of the event log in Kafka', (kafka) => {
  let installation: KafkaInstallation;

  beforeEach(() => {
    installation = installKafka(kafka(), pino({ level: 'silent' }));
  });

  afterEach(() => installation.dispose());

  const create = (topic: string, numPartitions: number, config: Record<string, string> = {}) =>
    installation.admin((admin) =>
      admin.createTopics({
        waitForLeaders: false,
        topics: [
          {
            topic: `${installation.settings.topicPrefix}${topic}`,
            numPartitions,
            replicationFactor: 1,
            configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
          },
        ],
      }),
    );

  it('are created with the partitions and settings of the contracts, by two at once and again', async () => {
    const [one, two] = await Promise.all([installation.open(), installation.open()]);
    await Promise.all([one.ensureTopics(), two.ensureTopics()]);
    await one.ensureTopics();
    await installation.admin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({
        topics: TOPIC_NAMES.map((topic) => `${installation.settings.topicPrefix}${topic}`),
      });
      expect(
        Object.fromEntries(
          topics.map(({ name, partitions }) => [
            name.slice(installation.settings.topicPrefix.length),
            { partitions: partitions.length },
          ]),
        ),
      ).toEqual(TOPICS);
    });
  });

  it('are not created where that is forbidden; the error names the topic', async () => {
    const log = await installation.openAt({ createTopics: false });
    await expect(log.ensureTopics()).rejects.toMatchObject({
      code: 'TOPIC_MISSING',
      message: expect.stringMatching(/^KAFKA_CREATE_TOPICS is off .*statements/),
    });
  });

  it('with other partitions are a start error that names the topic', async () => {
    await create('requests', 3);
    const log = await installation.open();
    await expect(log.ensureTopics()).rejects.toMatchObject({
      code: 'TOPIC_MISMATCH',
      message: expect.stringContaining(`"${installation.settings.topicPrefix}requests" has 3 partitions`),
    });
  });

  it.each([
    ['retention.ms', '604800000'],
    ['cleanup.policy', 'compact'],
    ['compression.type', 'zstd'],
    ['max.message.bytes', '65536'],
    ['retention.bytes', '1000000'],
  ])('with another %s are a start error that names the setting', async (name, value) => {
    const good = {
      'retention.ms': '-1',
      'compression.type': 'uncompressed',
      'max.message.bytes': '1114112',
    };
    await create('control', 1, { ...good, [name]: value });
    const log = await installation.open();
    await expect(log.ensureTopics()).rejects.toMatchObject({
      code: 'TOPIC_MISMATCH',
      message: expect.stringContaining(`control" has ${name}=${value}`),
    });
  });

  it('of a cluster that nobody answers for are a start error that names the variable', async () => {
    await expect(installation.openAt({ brokers: ['127.0.0.1:1'] })).rejects.toMatchObject({
      code: 'KAFKA_UNREACHABLE',
      message: expect.stringContaining('KAFKA_BROKERS: no answer from 127.0.0.1:1'),
    });
  }, 60_000);
});
