import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describeWithKafka } from '#libs/testing/kafka-for-tests.js';
import { GatewayRig } from '../faults/gateway-rig.js';

await describeWithKafka('recording: replicated on a Kafka whose topics have one copy', (kafka) => {
  const settings = () => ({
    KAFKA_BROKERS: kafka().brokers,
    KAFKA_TOPIC_PREFIX: `replication-${randomUUID().slice(0, 8)}.`,
  });

  it('keeps the gateway from starting, with one line that names the target and says what to do', async () => {
    const rig = await GatewayRig.start('replicated');
    try {
      const refused = rig.startGateway(settings());
      await expect(refused).rejects.toThrow(
        /exited with 1: (?:.*\n)*gateway: COUNTERSIGN_TARGETS: targets\.shop\.recording: .* min\.insync\.replicas of 2 or more, not 1; say replicas: 1/,
      );
    } finally {
      await rig.dispose();
    }
  }, 300_000);

  it('runs statements where the target says that one copy will do', async () => {
    const rig = await GatewayRig.start('replicated, replicas: 1');
    try {
      await rig.startGateway(settings());
      const client = new pg.Client({
        host: 'localhost',
        port: rig.port,
        database: 'shop',
        user: 'alice',
        password: await rig.token(),
        ssl: { ca: rig.ca },
      });
      await client.connect();
      await client.query('INSERT INTO numbers VALUES (1)');
      expect((await client.query('SELECT n FROM numbers')).rows).toEqual([{ n: '1' }]);
      await client.end();
    } finally {
      await rig.dispose();
    }
  }, 300_000);
});
