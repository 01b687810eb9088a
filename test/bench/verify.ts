import { setTimeout as sleep } from 'node:timers/promises';
import { entriesOf } from '#libs/ledger/verify/entry-row.js';
import { verifyLedger } from '#libs/ledger/verify/verify-ledger.js';
import { connectClient } from '#libs/postgres/client.js';
import { copyOut } from '#libs/postgres/copy-out.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import {
  eventBytes,
  recordAt,
  testLedger,
  type TestLedger,
} from '../../apps/audit/src/testing/test-ledger.js';

const PARTITION = { topic: 'statements', partition: 0 } as const;
const PAYLOAD_BYTES = 600;
const BATCH = 2_000;

/** What one way of going through the ledger took. */
interface Took {
  readonly wallSeconds: number;
  /** Of this process: what its one core was busy with. */
  readonly cpuSeconds: number;
}

/**
 * Verifies a ledger of 600-byte payloads, interleaved with reading the very same rows and doing nothing with
 * them: by SELECT in pages through the same client, and by the same binary COPY.
 */
export async function benchVerify({ json, short }: { json: boolean; short: boolean }): Promise<void> {
  const entries = short ? 20_000 : 200_000;
  const rounds = short ? 1 : 3;
  const postgres = await temporaryPostgres({ fsync: 'off', shared_buffers: '512MB' });
  try {
    const ledger = await testLedger(postgres);
    if (!json) process.stdout.write(`sealing ${entries} entries of ${PAYLOAD_BYTES}-byte payloads…\n`);
    await fill(ledger, entries);
    const ways: Readonly<Record<string, () => Promise<void>>> = {
      verify: () => verify(ledger, entries),
      copy: () => copyAll(ledger, entries),
      select: () => selectAll(ledger, entries),
    };
    const took: Record<string, Took[]> = {};
    for (let round = 0; round < rounds; round += 1)
      for (const [name, run] of Object.entries(ways)) (took[name] ??= []).push(await timed(run));
    print(entries, took, json);
    await ledger.close();
  } finally {
    await postgres.dispose();
  }
}

async function fill(ledger: TestLedger, entries: number): Promise<void> {
  const ingest = ledger.ingest();
  await ingest.claim(PARTITION);
  const padding = 'x'.repeat(PAYLOAD_BYTES - eventBytes(0, { reason: '' }).length - 4);
  for (let from = 0; from < entries; from += BATCH) {
    const records = Array.from({ length: BATCH }, (_, index) =>
      recordAt(from + index, eventBytes(from + index, { reason: padding })),
    );
    await ingest.handle(PARTITION, records);
  }
  const signer = await ledger.signer();
  await signer.start();
  while (signer.currentSize('statements/0') < BigInt(entries)) await sleep(50);
  await signer.stop();
  const admin = await connectClient(ledger.adminUrl, 'bench');
  await admin.query('VACUUM ANALYZE');
  await admin.end();
}

async function verify(ledger: TestLedger, entries: number): Promise<void> {
  const report = await verifyLedger({ url: ledger.adminUrl, trustFolder: ledger.trustFolder });
  if (report.verdict !== 'OK' || report.entries !== entries)
    throw new Error(`the ledger is ${report.verdict}: ${JSON.stringify(report.findings[0])}`);
}

async function copyAll(ledger: TestLedger, entries: number): Promise<void> {
  const client = await connectClient(ledger.adminUrl, 'bench');
  let bytes = 0;
  for await (const batch of copyOut(client, entriesOf(chainOf(ledger)))) bytes += batch.length;
  if (bytes < entries * PAYLOAD_BYTES) throw new Error('not all of it came');
  await client.end();
}

async function selectAll(ledger: TestLedger, entries: number): Promise<void> {
  const client = await connectClient(ledger.adminUrl, 'bench');
  await client.query('BEGIN');
  await client.query(`DECLARE rows CURSOR FOR ${entriesOf(chainOf(ledger))}`);
  let seen = 0;
  for (let count = -1; count !== 0; seen += count)
    count = (await client.query(`FETCH ${BATCH} FROM rows`)).rows.length;
  if (seen !== entries) throw new Error('not all of it came');
  await client.end();
}

const chainOf = ({ chains }: TestLedger): number =>
  chains.find(({ name }) => name === 'statements/0')?.chain as number;

async function timed(run: () => Promise<void>): Promise<Took> {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  await run();
  const { user, system } = process.cpuUsage(cpu);
  return { wallSeconds: (performance.now() - begin) / 1000, cpuSeconds: (user + system) / 1e6 };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

function print(entries: number, took: Readonly<Record<string, readonly Took[]>>, json: boolean): void {
  const rows = Object.entries(took).map(([way, times]) => ({
    way,
    entriesPerSecond: Math.round(entries / median(times.map(({ wallSeconds }) => wallSeconds))),
    entriesPerCpuSecond: Math.round(entries / median(times.map(({ cpuSeconds }) => cpuSeconds))),
  }));
  const verified = rows.find(({ way }) => way === 'verify')?.entriesPerSecond as number;
  const document = {
    benchmark: 'verify',
    entries,
    payloadBytes: PAYLOAD_BYTES,
    rows: rows.map((row) => ({
      ...row,
      verifyOfThis: Number((verified / row.entriesPerSecond).toFixed(2)),
    })),
  };
  if (json) {
    process.stdout.write(`${JSON.stringify(document)}\n`);
    return;
  }
  process.stdout.write('| way | entries/s | entries per CPU second of the verifier | verify is, of this |\n');
  process.stdout.write('|---|---:|---:|---:|\n');
  for (const row of document.rows)
    process.stdout.write(
      `| ${row.way} | ${row.entriesPerSecond} | ${row.entriesPerCpuSecond} | ${row.verifyOfThis} |\n`,
    );
}
