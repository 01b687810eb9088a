import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { pino } from 'pino';
import { startBroker } from '#libs/embedded-kafka/broker.js';
import { hasJars } from '#libs/embedded-kafka/jars.js';
import { findJava } from '#libs/embedded-kafka/java.js';
import { kafkaHome } from '#libs/embedded-kafka/kafka-home.js';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLog } from '#libs/event-log/port.js';
import type { EventLogSettings } from '#libs/event-log/settings.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { migrate } from '#libs/postgres/migrate.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { median, table } from './statistics.js';

const RECORD_BYTES = 600;
const BATCH = 500;
const AT = { topic: 'statements', partition: 0 } as const;

interface Measured {
  readonly ackP50: number;
  readonly tripP50: number;
  readonly tripP99: number;
  readonly perSecond: number;
}

/**
 * Both adapters beside a plain batched INSERT of the same rows into PostgreSQL, in interleaved rounds:
 * the round trip of single records (append to handler, about 30 a second) and the throughput of one
 * producer with batches of 500 records of 600 bytes. PostgreSQL syncs at every commit; Kafka, one node,
 * acknowledges from memory. Kafka is left out where its jars or Java are missing.
 */
export async function benchEventLog(options: { json: boolean; short: boolean }): Promise<void> {
  const rounds = options.short ? 1 : 3;
  const trips = options.short ? 60 : 300;
  const batches = options.short ? 20 : 80;
  const server = await temporaryPostgres();
  await migrate(server.adminUrl(), path.resolve('deploy/migrations'), ['roles', 'event-log']);
  const kafka = await kafkaForBench();
  const logs: { name: string; log: EventLog }[] = [];
  const open = async (name: string, settings: EventLogSettings): Promise<void> => {
    const log = await openEventLog(settings, { applicationName: 'bench', logger: pino({ level: 'silent' }) });
    logs.push({ name, log });
    await log.ensureTopics();
  };
  const plain = new pg.Client({ connectionString: server.adminUrl() });
  try {
    await plain.connect();
    await plain.query('CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, value bytea)');
    await open('embedded', { kind: 'embedded', databaseUrl: server.adminUrl() });
    if (kafka !== undefined) {
      await open('kafka', {
        kind: 'kafka',
        brokers: [kafka.brokers],
        topicPrefix: `bench-${randomUUID().slice(0, 8)}.`,
        createTopics: true,
      });
    }
    const inserts: number[] = [];
    const measured = new Map<string, Measured[]>(logs.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round += 1) {
      inserts.push(await insertThroughput(plain, batches));
      for (const { name, log } of logs)
        measured.get(name)?.push({
          ...(await roundTrips(log, trips)),
          perSecond: await throughput(log, batches),
        });
    }
    report(options.json, median(inserts), measured);
  } finally {
    for (const { log } of logs) await log.close();
    await plain.end();
    await kafka?.stop();
    await server.dispose();
  }
}

async function kafkaForBench(): Promise<{ brokers: string; stop: () => Promise<void> } | undefined> {
  const home = kafkaHome(process.env);
  try {
    if (!(await hasJars(home))) throw new Error('its jars are not here: run `npm run kafka` once');
    const directory = await mkdtemp(path.join(tmpdir(), 'countersign-bench-kafka-'));
    const broker = await startBroker({ java: await findJava(process.env), home, directory, port: 29_192 });
    return {
      brokers: broker.brokers,
      stop: async () => {
        await broker.stop();
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    console.error(`LEFT OUT, needs Kafka: ${messageOf(error)}`);
    return undefined;
  }
}

async function roundTrips(log: EventLog, count: number): Promise<Omit<Measured, 'perSecond'>> {
  const producer = await log.producer();
  const acks: number[] = [];
  const times: number[] = [];
  let arrived: () => void = () => undefined;
  const tail = await log.tail({
    ...AT,
    reader: 'bench',
    from: 'end',
    onRecord: () => arrived(),
    onFatal: (error) => {
      throw error;
    },
  });
  for (let i = 0; i < count; i += 1) {
    await sleep(30);
    const begun = performance.now();
    const handled = new Promise<void>((resolve) => (arrived = resolve));
    await producer.append([{ ...AT, key: 'k', value: Buffer.alloc(RECORD_BYTES, 97) }]);
    acks.push(performance.now() - begun);
    await handled;
    times.push(performance.now() - begun);
  }
  await tail.stop();
  await producer.close();
  times.sort((a, b) => a - b);
  return {
    ackP50: median(acks),
    tripP50: median(times),
    tripP99: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
  };
}

/** Records a second, from the first append to the acknowledgement of the last; two calls are under way at a time. */
async function throughput(log: EventLog, batches: number): Promise<number> {
  const producer = await log.producer();
  const batch = Array.from({ length: BATCH }, () => ({
    ...AT,
    key: 'k',
    value: Buffer.alloc(RECORD_BYTES, 97),
  }));
  const begun = performance.now();
  let left = batches;
  await Promise.all(
    [1, 2].map(async () => {
      while (left-- > 0) await producer.append(batch);
    }),
  );
  const seconds = (performance.now() - begun) / 1_000;
  await producer.close();
  return (batches * BATCH) / seconds;
}

async function insertThroughput(client: pg.Client, batches: number): Promise<number> {
  const values = Array.from({ length: BATCH }, () => Buffer.alloc(RECORD_BYTES, 97));
  const begun = performance.now();
  for (let i = 0; i < batches; i += 1)
    await client.query('INSERT INTO plain (value) SELECT unnest($1::bytea[])', [values]);
  return (batches * BATCH) / ((performance.now() - begun) / 1_000);
}

function report(json: boolean, insert: number, measured: ReadonlyMap<string, readonly Measured[]>): void {
  const results = [...measured].map(([name, rounds]) => {
    const of = (key: keyof Measured): number => median(rounds.map((round) => round[key]));
    return {
      log: name,
      ackP50Ms: of('ackP50'),
      tripP50Ms: of('tripP50'),
      tripP99Ms: of('tripP99'),
      recordsPerSecond: of('perSecond'),
      ofPlainInsert: of('perSecond') / insert,
    };
  });
  if (json) {
    console.log(JSON.stringify({ bench: 'event-log', plainInsertPerSecond: insert, results }, undefined, 2));
    return;
  }
  console.log(
    table([
      ['event log', 'ack p50 ms', 'trip p50 ms', 'trip p99 ms', 'records/s', 'of plain insert'],
      ...results.map((each) => [
        each.log,
        each.ackP50Ms.toFixed(2),
        each.tripP50Ms.toFixed(2),
        each.tripP99Ms.toFixed(2),
        each.recordsPerSecond.toFixed(0),
        each.ofPlainInsert.toFixed(2),
      ]),
      ['plain insert', '', '', '', insert.toFixed(0), '1.00'],
    ]),
  );
}
