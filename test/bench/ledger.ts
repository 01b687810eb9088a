import postgres from 'postgres';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLog, PartitionHandler } from '#libs/event-log/port.js';
import { openBulkPool, type BulkPool } from '#libs/postgres/bulk-pool.js';
import { migrate } from '#libs/postgres/migrate.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { silent, testLedger, type TestLedger } from '../../apps/audit/src/testing/test-ledger.js';
import { createPlainTables, plainCopy, plainInsert } from './ledger-plain.js';
import { asRecords, benchEvents, hashingSeconds, sealedRows } from './ledger-rows.js';
import { serverCpuSeconds } from './server-cpu.js';
import { median, table } from './statistics.js';

const CHAIN = 'statements/0';
/** Records in one delivery of the event log. */
const DELIVERY = 2_000;

const WAYS = ['insert', 'copy', 'ingest', 'endToEnd'] as const;
type Way = (typeof WAYS)[number];

interface Measured {
  readonly perSecond: number;
  /** CPU of this process and of PostgreSQL, in microseconds a row. */
  readonly clientCpu: number;
  readonly serverCpu: number;
}

type Round = Readonly<Record<Way, Measured>>;

/**
 * Sealing beside plain ways to store the same rows, interleaved in one run on one PostgreSQL with fsync:
 * INSERT and COPY get ready-made rows, ours gets events and does everything: read, check, hash, chain,
 * tree, commit. `endToEnd` also reads them from the embedded event log in the same PostgreSQL.
 */
export async function benchLedger(options: { json: boolean; short: boolean }): Promise<void> {
  const perRound = options.short ? 5_000 : 30_000;
  const rounds = options.short ? 1 : 5;
  const server = await temporaryPostgres();
  const ledger = await testLedger(server);
  await migrate(ledger.adminUrl, 'deploy/migrations', ['event-log']);
  const admin = openBulkPool(ledger.adminUrl, {
    size: 2,
    applicationName: 'bench',
    onIdleError: console.error,
  });
  const sql = postgres(ledger.adminUrl, { max: 1, onnotice: () => undefined });
  const log = await openEventLog(
    { kind: 'embedded', databaseUrl: ledger.adminUrl },
    { applicationName: 'bench', logger: silent },
  );
  try {
    await log.ensureTopics();
    for (const schema of ['plain_insert', 'plain_copy']) await createPlainTables(admin, schema);
    const results: Round[] = [];
    for (let round = 0; round < rounds; round += 1)
      results.push(await playRound({ ledger, admin, sql, log }, perRound, round * perRound));
    const latencies = await loneEvents(ledger, log, options.short ? 50 : 300);
    const hashing = hashingSeconds(benchEvents(10_000)) / 10_000;
    report(options.json, results, latencies, hashing);
  } finally {
    await sql.end();
    await admin.close();
    await log.close();
    await ledger.close();
    await server.dispose();
  }
}

interface Parts {
  readonly ledger: TestLedger;
  readonly admin: BulkPool;
  readonly sql: postgres.Sql;
  readonly log: EventLog;
}

async function playRound({ ledger, admin, sql, log }: Parts, count: number, from: number): Promise<Round> {
  const measure = async (work: () => Promise<void>): Promise<Measured> => {
    const server = await serverCpuSeconds(admin.query);
    const client = process.cpuUsage();
    const begin = performance.now();
    await work();
    const seconds = (performance.now() - begin) / 1_000;
    const { user, system } = process.cpuUsage(client);
    return {
      perSecond: count / seconds,
      clientCpu: (user + system) / count,
      serverCpu: (((await serverCpuSeconds(admin.query)) - server) * 1e6) / count,
    };
  };
  const plain = sealedRows(benchEvents(count), BigInt(from));
  const insert = await measure(() => plainInsert(admin, 'plain_insert', plain.rows, plain.recordedAt));
  const copy = await measure(() => plainCopy(sql, 'plain_copy', plain.rows, plain.recordedAt));

  const direct = asRecords(benchEvents(count), from);
  const handler = ledger.ingest();
  const at = { topic: 'statements', partition: 1 } as const;
  await handler.claim(at);
  const ingest = await measure(async () => {
    for (let done = 0; done < direct.length; done += DELIVERY)
      await handler.handle(at, direct.slice(done, done + DELIVERY));
  });

  const producer = await log.producer();
  const events = benchEvents(count);
  for (let done = 0; done < count; done += DELIVERY)
    await producer.append(
      events
        .slice(done, done + DELIVERY)
        .map((value) => ({ topic: 'statements', partition: 0, key: CHAIN, value })),
    );
  await producer.close(10_000);
  const endToEnd = await measure(() => consumeUntil(ledger, log, BigInt(from + count)));
  return { insert, copy, ingest, endToEnd };
}

/** Seals what is in the event log, from the first batch that arrives. */
async function consumeUntil(ledger: TestLedger, log: EventLog, next: bigint): Promise<void> {
  const { handler, reached } = watching(ledger, log);
  const subscription = await log.consume({
    group: 'bench',
    topics: ['statements'],
    handler,
    onFatal: console.error,
  });
  await reached(next);
  await subscription.stop();
}

function watching(
  ledger: TestLedger,
  log: EventLog,
): { handler: PartitionHandler; reached: (next: bigint) => Promise<void> } {
  const ingest = ledger.ingest({ log });
  let sealed = -1n;
  let wake: () => void = () => undefined;
  return {
    handler: {
      claim: (at) => ingest.claim(at),
      handle: async (at, records) => {
        const outcome = await ingest.handle(at, records);
        const last = records.at(-1);
        if (outcome === 'stored' && last !== undefined && `${at.topic}/${at.partition}` === CHAIN) {
          sealed = last.offset + 1n;
          wake();
        }
        return outcome;
      },
    },
    reached: async (next) => {
      while (sealed < next) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

/** Milliseconds from the call that appends one event to the event log to its commit in the ledger. */
async function loneEvents(ledger: TestLedger, log: EventLog, count: number): Promise<number[]> {
  const { handler, reached } = watching(ledger, log);
  const subscription = await log.consume({
    group: 'bench',
    topics: ['statements'],
    handler,
    onFatal: console.error,
  });
  const producer = await log.producer();
  const latencies: number[] = [];
  let end = await log.endOffset({ topic: 'statements', partition: 0 });
  for (const value of benchEvents(count + 5)) {
    const begin = performance.now();
    await producer.append([{ topic: 'statements', partition: 0, key: CHAIN, value }]);
    end += 1n;
    await reached(end);
    latencies.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await producer.close(1_000);
  await subscription.stop();
  return latencies.slice(5).sort((a, b) => a - b);
}

function report(
  json: boolean,
  rounds: readonly Round[],
  latencies: readonly number[],
  hashing: number,
): void {
  const of = (way: Way, key: keyof Measured): number => median(rounds.map((round) => round[way][key]));
  const quantile = (share: number): number =>
    latencies[Math.floor((latencies.length - 1) * share)] ?? Number.NaN;
  const ratios = rounds.map((round) => round.endToEnd.perSecond / round.insert.perSecond);
  const cpu = of('endToEnd', 'clientCpu') + of('endToEnd', 'serverCpu');
  const result = {
    endToEndOfInsert: median(ratios),
    loneEventP50Ms: quantile(0.5),
    loneEventP99Ms: quantile(0.99),
    hashingMicroseconds: hashing * 1e6,
    hashingShareOfCpu: (hashing * 1e6) / cpu,
  };
  if (json) {
    console.log(JSON.stringify({ ...result, rounds }));
    return;
  }
  console.log(
    table([
      ['way', 'rows/s', 'client CPU µs', 'server CPU µs', 'rows/s of each round'],
      ...WAYS.map((way) => [
        way,
        of(way, 'perSecond').toFixed(0),
        of(way, 'clientCpu').toFixed(1),
        of(way, 'serverCpu').toFixed(1),
        rounds.map((round) => round[way].perSecond.toFixed(0)).join(' '),
      ]),
    ]),
  );
  console.log(`end to end, of insert (median of the rounds' ratios): ${result.endToEndOfInsert.toFixed(2)}`);
  console.log(
    `lone event, event log to sealed: p50 ${quantile(0.5).toFixed(1)} ms, p99 ${quantile(0.99).toFixed(1)} ms`,
  );
  console.log(
    `hashing: ${result.hashingMicroseconds.toFixed(1)} µs an event, ${(result.hashingShareOfCpu * 100).toFixed(0)} % of the CPU`,
  );
}
