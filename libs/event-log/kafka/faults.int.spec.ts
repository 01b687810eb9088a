import { pino } from 'pino';
import { partitionKey } from '../partition-key.js';
import { eventually } from '#libs/testing/eventually.js';
import { describeWithKafka } from '#libs/testing/kafka-for-tests.js';
import { collect } from '../contract/collect.js';
import { record } from '../contract/installation.js';
import { LedgerDouble } from '../contract/ledger-double.js';
import { SerialProducer } from '../serial-producer.js';
import { KafkaBatchSender } from './kafka-batch-sender.js';
import { kafkaClient } from './kafka-client.js';
import { installKafka, type KafkaInstallation } from './kafka-installation.js';

await describeWithKafka(
  'the event log in Kafka, when the broker is killed',
  (kafka) => {
    let installation: KafkaInstallation;

    beforeEach(() => {
      installation = installKafka(kafka(), pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }));
    });

    afterEach(() => installation.dispose());

    it('loses, doubles and reorders nothing, and the reader comes back by itself', async () => {
      const log = await installation.open();
      await log.ensureTopics();
      const producer = await log.producer();
      const ledger = new LedgerDouble();
      const fatal: Error[] = [];
      const member = await log.consume({
        group: 'audit',
        topics: ['requests'],
        handler: ledger.member('a'),
        onFatal: (error) => void fatal.push(error),
      });
      let own = kafka().own;
      let running = true;
      const sent = new Map<number, number>();
      const callers = Array.from({ length: 8 }, async (_, caller) => {
        for (let i = 0; running; i += 1) {
          await producer.append([record('requests', caller % 4, `${caller}:${i}`)]);
          sent.set(caller, i + 1);
        }
      });
      for (let kill = 0; kill < 2; kill += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        await own?.kill();
        own = await own?.restart();
      }
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      running = false;
      await Promise.all(callers);
      const total = [...sent.values()].reduce((sum, n) => sum + n, 0);
      expect(total).toBeGreaterThan(100);
      await eventually(() => expect(ledger.total).toBe(total), 60_000);
      for (let caller = 0; caller < 8; caller += 1) {
        const at = { topic: 'requests', partition: caller % 4 } as const;
        const mine = ledger.values(at).filter((value) => value.startsWith(`${caller}:`));
        expect(mine).toEqual(Array.from({ length: sent.get(caller) ?? 0 }, (_, i) => `${caller}:${i}`));
        await expect(log.endOffset(at)).resolves.toBe(BigInt(ledger.rows.get(partitionKey(at))?.length ?? 0));
      }
      expect(fatal).toEqual([]);
      await member.stop();
    }, 150_000);

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
  },
  { ownBroker: true },
);
