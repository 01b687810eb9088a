import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { findJava } from '#libs/embedded-kafka/java.js';
import { kafkaHome } from '#libs/embedded-kafka/kafka-home.js';
import { migrate } from '#libs/postgres/migrate.js';
import { temporaryKafka } from '#libs/testing/temporary-kafka.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import type { FaultSuite } from '../fault-suite.js';
import { chaos, type ChaosResult } from './chaos.js';
import { cutConnections } from './cut-connections.js';
import { killBroker } from './kill-broker.js';
import { proxiedKafka } from './proxied-kafka.js';
import type { Tally } from './tally.js';

const clean = ({ lost, doubled, outOfOrder }: Tally): boolean => lost + doubled + outOfOrder === 0;

/** The event log's suite. */
export const EVENT_LOG_FAULTS: FaultSuite = {
  cuts: async (report) => {
    const kafka = await proxiedKafka();
    try {
      for (const when of ['before the request', 'after the answer'] as const) {
        const result = await cutConnections(kafka, { when, cuts: 60, by: 'us', every: 5 });
        report(`cut ${when}, our producer`, result, clean(result) && result.cuts >= 60);
      }
      const control = await cutConnections(kafka, {
        when: 'after the answer',
        cuts: 30,
        by: 'raw kafkajs',
        every: 10,
      });
      report('cut after the answer, raw overlapping sends (must fail)', control, !clean(control));
    } finally {
      await kafka.dispose();
    }
  },
  kills: async (report) => {
    const result = await killBroker(20);
    const soon = result.slowestRecoveryMs < result.sessionTimeoutMs + 3_000;
    report('broker killed with -9', result, clean(result) && result.consumed >= result.acknowledged);
    report('  consumer back within session + 3 s', { slowestRecoveryMs: result.slowestRecoveryMs }, soon);
  },
  'chaos-kafka': async (report) => {
    const server = await temporaryPostgres();
    let broker = await temporaryKafka({ java: await findJava(process.env), home: kafkaHome(process.env) });
    try {
      const result = await chaos({
        seconds: 150,
        environment: {
          KAFKA_BROKERS: broker.brokers,
          KAFKA_TOPIC_PREFIX: `chaos-${randomUUID().slice(0, 8)}.`,
        },
        server,
        killLog: async () => {
          await broker.kill();
          broker = await broker.restart();
        },
        random: Math.random,
      });
      report('chaos over Kafka', result, chaosHolds(result));
    } finally {
      await broker.dispose();
      await server.dispose();
    }
  },
  'chaos-embedded': async (report) => {
    const server = await temporaryPostgres();
    try {
      await migrate(server.adminUrl(), path.resolve('deploy/migrations'), ['roles', 'event-log']);
      const result = await chaos({
        seconds: 150,
        environment: { DATABASE_URL: server.adminUrl() },
        server,
        random: Math.random,
      });
      report('chaos over the embedded log', result, chaosHolds(result));
    } finally {
      await server.dispose();
    }
  },
};

const chaosHolds = (result: ChaosResult): boolean => clean(result) && result.gaps === 0;
