import { pino } from 'pino';
import { findJava } from '#libs/embedded-kafka/java.js';
import { kafkaHome } from '#libs/embedded-kafka/kafka-home.js';
import { describeWithKafka } from '#libs/testing/kafka-for-tests.js';
import { tcpProxy, type TcpProxy } from '#libs/testing/tcp-proxy.js';
import { temporaryKafka, type TemporaryKafka } from '#libs/testing/temporary-kafka.js';
import { collect } from '../contract/collect.js';
import { record } from '../contract/installation.js';
import { installKafka } from './kafka-installation.js';

const PRODUCE = 0;
/** Where the api key stands in a request (Kafka protocol, request header). */
const API_KEY_AT = 4;

await describeWithKafka(
  'the producer of Kafka, when connections are cut',
  () => {
    let proxy: TcpProxy;
    let broker: TemporaryKafka;

    // A broker that sends its clients to the proxy: the listener CUT is advertised at the proxy's port.
    beforeAll(async () => {
      const target = { host: '127.0.0.1', port: 0 };
      proxy = await tcpProxy(target);
      broker = await temporaryKafka({
        java: await findJava(process.env),
        home: kafkaHome(process.env),
        properties: (port) => {
          target.port = port + 2;
          return {
            listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1},CUT://127.0.0.1:${port + 2}`,
            'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1},CUT://127.0.0.1:${proxy.port}`,
            'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CUT:PLAINTEXT',
          };
        },
      });
    }, 150_000);

    afterAll(async () => {
      await broker.dispose();
      await proxy.close();
    }, 30_000);

    it.each(['before the request', 'after the answer'] as const)(
      'loses, doubles and reorders nothing (%s)',
      async (when) => {
        const logger = pino({ level: 'silent' });
        const kafka = { brokers: broker.brokers, sessionTimeoutMs: 3_000, own: broker };
        const installation = installKafka(kafka, logger);
        const log = await installation.open();
        await log.ensureTopics();
        const behindProxy = await installation.openAt({ brokers: [`127.0.0.1:${proxy.port}`] });
        const producer = await behindProxy.producer();
        let sends = 0;
        let cuts = 0;
        let awaited = false;
        proxy.onRequest = (chunk) => {
          if (chunk.length < 6 || chunk.readInt16BE(API_KEY_AT) !== PRODUCE) return true;
          sends += 1;
          if (sends % 8 !== 0) return true;
          awaited = when === 'after the answer';
          if (!awaited) cuts += 1;
          return awaited;
        };
        proxy.onAnswer = () => {
          if (!awaited) return true;
          awaited = false;
          cuts += 1;
          return false;
        };
        await Promise.all(
          Array.from({ length: 8 }, async (_, caller) => {
            for (let i = 0; i < 120; i += 1)
              await producer.append([record('requests', caller % 2, `${caller}:${i}`)]);
          }),
        );
        proxy.onRequest = () => true;
        proxy.onAnswer = () => true;
        expect(cuts).toBeGreaterThanOrEqual(10);
        for (const partition of [0, 1]) {
          const found = await collect(log, { topic: 'requests', partition }, 480);
          const values = found.map((one) => String(one.value));
          expect(values).toHaveLength(480);
          for (let caller = partition; caller < 8; caller += 2) {
            expect(values.filter((value) => value.startsWith(`${caller}:`))).toEqual(
              Array.from({ length: 120 }, (_, i) => `${caller}:${i}`),
            );
          }
        }
        await installation.dispose();
      },
      120_000,
    );
  },
  { ownBroker: true, startsItself: true },
);
