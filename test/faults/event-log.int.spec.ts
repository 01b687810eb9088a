import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { migrate } from '#libs/postgres/migrate.js';
import { describeWithKafka } from '#libs/testing/kafka-for-tests.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { cutConnections, type CutWhen } from './event-log/cut-connections.js';
import { killBroker } from './event-log/kill-broker.js';
import { proxiedKafka, type ProxiedKafka } from './event-log/proxied-kafka.js';
import { zombie } from './event-log/zombie.js';

const CLEAN = { lost: 0, doubled: 0, outOfOrder: 0 };

/** The short forms; `npm run faults -- event-log` runs the long ones. */
await describeWithKafka(
  'the event log in Kafka, when connections are cut',
  () => {
    let kafka: ProxiedKafka;

    beforeAll(async () => {
      kafka = await proxiedKafka();
    }, 150_000);

    afterAll(() => kafka.dispose(), 30_000);

    it.each<CutWhen>(['before the request', 'after the answer'])(
      'loses, doubles and reorders nothing (%s)',
      async (when) => {
        const result = await cutConnections(kafka, { when, cuts: 10, by: 'us', every: 4 });
        expect(result).toMatchObject({ ...CLEAN, failed: 0 });
        expect(result.cuts).toBeGreaterThanOrEqual(10);
        expect(result.acknowledged).toBeGreaterThan(0);
      },
      240_000,
    );

    it('would lose records by overlapping sends of the raw client: the same proxy finds that out', async () => {
      let harmed = 0;
      // Chance decides in one run; ten cuts in a row without harm have not been seen.
      for (let run = 0; run < 4 && harmed === 0; run += 1) {
        const result = await cutConnections(kafka, {
          when: 'after the answer',
          cuts: 10,
          by: 'raw kafkajs',
          every: 5,
        });
        harmed += result.lost + result.doubled + result.outOfOrder;
      }
      expect(harmed).toBeGreaterThan(0);
    }, 240_000);
  },
  { ownBroker: true, startsItself: true },
);

await describeWithKafka(
  'the event log in Kafka, when the broker is killed',
  () => {
    it('loses, doubles and reorders nothing, and the reader comes back soon', async () => {
      const result = await killBroker(2);
      expect(result).toMatchObject({ ...CLEAN, kills: 2 });
      expect(result.consumed).toBeGreaterThanOrEqual(result.acknowledged);
    }, 300_000);
  },
  { ownBroker: true, startsItself: true },
);

describe('a member of the embedded log that was stopped for longer than its session', () => {
  it('finds its write refused by the fence when it wakes, and nothing is stored twice', async () => {
    const server = await temporaryPostgres({ fsync: 'off' });
    await migrate(server.adminUrl(), path.resolve('deploy/migrations'), ['roles', 'event-log']);
    const result = await zombie({ DATABASE_URL: server.adminUrl() }, server);
    await server.dispose();
    expect(result).toMatchObject({ values: ['0', '1'], storedBy: 'heir' });
    expect(result.refused).toBeGreaterThan(0);
  }, 240_000);
});

await describeWithKafka('a member of a group in Kafka', (kafka) => {
  it('that was stopped for longer than its session finds its write refused when it wakes', async () => {
    const server = await temporaryPostgres({ fsync: 'off' });
    const result = await zombie(
      { KAFKA_BROKERS: kafka().brokers, KAFKA_TOPIC_PREFIX: `z-${randomUUID().slice(0, 8)}.` },
      server,
    );
    await server.dispose();
    expect(result).toMatchObject({ values: ['0', '1'], storedBy: 'heir' });
    expect(result.refused).toBeGreaterThan(0);
  }, 240_000);
});
