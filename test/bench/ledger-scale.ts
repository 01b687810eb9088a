import { newId } from '#libs/kernel/uuid.js';
import { connectClient } from '#libs/postgres/client.js';
import { openBulkPool, plainArray, type BulkPool, type BulkQuery } from '#libs/postgres/bulk-pool.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { findEvents, type FeedFilter } from '../../apps/audit/src/feed/find-events.js';
import {
  clockAt,
  eventBytes,
  recordAt,
  testLedger,
  type TestLedger,
} from '../../apps/audit/src/testing/test-ledger.js';
import { serverCpuSeconds } from './server-cpu.js';
import { quantile, table } from './statistics.js';

const AT = { topic: 'statements', partition: 0 } as const;
const CHAIN = 'statements/0';
const PAYLOAD_BYTES = 600;
const BATCH = 2_000;
/** Events of one session, of one request; people; and one event a millisecond. */
const [SESSION, REQUEST, PEOPLE] = [100, 50, 200];
const LOOK_UPS = 200;
const PAGE = 100;
const START = Date.parse('2026-01-01T00:00:00.000Z');

/** What was measured when the ledger had reached a size. */
interface AtSize {
  readonly entries: number;
  /** CPU of sealing the last events before that size, in microseconds an event. */
  readonly clientCpu: number;
  readonly serverCpu: number;
  /** Of the schema's tables and indexes, an entry. */
  readonly bytes: number;
  readonly lookUps: Readonly<Record<string, { readonly p50Ms: number; readonly p99Ms: number }>>;
  /** Look-ups whose plan reads a whole table. */
  readonly scans: readonly string[];
}

/**
 * One chain that grows by powers of ten: what an event costs to seal at each size, and what it takes to find
 * events by id, request, session, identity and time. `--entries=10000000` takes some 20 GB of disk.
 */
export async function benchLedgerScale(options: {
  json: boolean;
  short: boolean;
  entries?: number;
}): Promise<void> {
  const most = options.entries ?? (options.short ? 20_000 : 100_000);
  const sizes = [10_000, 100_000, 1_000_000, 10_000_000].filter((size) => size < most).concat(most);
  const server = await temporaryPostgres({ fsync: 'off', shared_buffers: '512MB', max_wal_size: '2GB' });
  const ledger = await testLedger(server);
  const admin = openBulkPool(ledger.adminUrl, {
    size: 1,
    applicationName: 'bench',
    onIdleError: console.error,
  });
  const known: Known = { ids: [], sessions: [], requests: [] };
  try {
    const grow = await growing(ledger, admin, known);
    const results: AtSize[] = [];
    for (const size of sizes) {
      const window = Math.min(20_000, size / 2);
      await grow(size - window);
      const cpu = await grow(size);
      const connection = await connectClient(ledger.adminUrl, 'bench');
      await connection.query('VACUUM ANALYZE').finally(() => connection.end());
      const bytes = (await ledgerBytes(admin.query)) / size;
      results.push({ entries: size, ...cpu, bytes, ...(await lookUps(ledger, known, size)) });
      if (!options.json) print(results.slice(-1));
    }
    if (options.json)
      console.log(JSON.stringify({ benchmark: 'ledger-scale', payloadBytes: PAYLOAD_BYTES, results }));
  } finally {
    await admin.close();
    await ledger.close();
    await server.dispose();
  }
}

/** Some of what was sealed, evenly spread, to be looked for. */
interface Known {
  readonly ids: string[];
  readonly sessions: string[];
  readonly requests: string[];
}

/** A function that seals events up to a size and says what one of them cost. */
async function growing(
  ledger: TestLedger,
  admin: BulkPool,
  known: Known,
): Promise<(to: number) => Promise<{ clientCpu: number; serverCpu: number }>> {
  const clock = clockAt(START);
  const ingest = ledger.ingest({ clock });
  await ingest.claim(AT);
  const padding = 'x'.repeat(PAYLOAD_BYTES - eventBytes(0, { requestId: newId(), reason: '' }).length - 4);
  let size = 0;
  let [session, request] = [newId(), newId()];
  return async (to) => {
    let client = 0;
    const begun = size;
    const serverBefore = await serverCpuSeconds(admin.query);
    while (size < to) {
      const count = Math.min(BATCH, to - size);
      const records = Array.from({ length: count }, (_, index) => {
        const number = size + index;
        if (number % SESSION === 0) session = newId();
        if (number % REQUEST === 0) request = newId();
        const name = `person${(number * 7) % PEOPLE}`;
        const id = newId();
        if (number % 997 === 0) {
          known.ids.push(id);
          known.sessions.push(session);
          known.requests.push(request);
        }
        return recordAt(
          number,
          eventBytes(number, {
            id,
            time: new Date(START + number).toISOString(),
            sessionId: session,
            ...(number % 2 === 0 ? { requestId: request } : {}),
            identity: { name, kind: 'human', issuer: 'https://idp.example', subject: name, groups: [] },
            reason: padding,
          }),
        );
      });
      size += count;
      clock.set(START + size);
      const before = process.cpuUsage();
      await ingest.handle(AT, records);
      const { user, system } = process.cpuUsage(before);
      client += user + system;
    }
    const serverCpu = (await serverCpuSeconds(admin.query)) - serverBefore;
    return { clientCpu: client / (size - begun), serverCpu: (serverCpu * 1e6) / (size - begun) };
  };
}

async function ledgerBytes(query: BulkQuery): Promise<number> {
  const [row] = await query<{ bytes: string }>(
    `SELECT sum(pg_total_relation_size(oid))::text AS bytes FROM pg_class
     WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'r'`,
  );
  return Number(row?.bytes);
}

type LookUp = (query: BulkQuery, turn: number) => Promise<unknown>;

async function lookUps(
  ledger: TestLedger,
  known: Known,
  size: number,
): Promise<Pick<AtSize, 'lookUps' | 'scans'>> {
  const parts = ledger.chains.map(({ chain, name }) => ({
    chain,
    next: 0n,
    end: name === CHAIN ? BigInt(size) : 0n,
  }));
  const page = (filterOf: (turn: number) => FeedFilter): LookUp => {
    return (query, turn) => findEvents(query, parts, PAGE + 1, filterOf(turn));
  };
  const pick = (values: readonly string[], turn: number): string =>
    values[(turn * 7_919) % values.length] as string;
  const ways: Readonly<Record<string, LookUp>> = {
    id: (query, turn) =>
      query(
        `SELECT e.seq, p.payload FROM ledger.entries e JOIN ledger.payloads p USING (chain, seq)
         WHERE e.event_id = ANY ($1::uuid[])`,
        [plainArray([pick(known.ids, turn)])],
      ),
    request: page((turn) => ({ requestId: pick(known.requests, turn) })),
    session: page((turn) => ({ sessionId: pick(known.sessions, turn) })),
    identity: page((turn) => ({ identity: `person${turn % PEOPLE}` })),
    time: page((turn) => {
      const since = BigInt(START + ((turn * 104_729) % size)) * 1_000n;
      return { since, until: since + 60_000_000n };
    }),
  };
  const result: Record<string, { p50Ms: number; p99Ms: number }> = {};
  const scans: string[] = [];
  for (const [name, lookUp] of Object.entries(ways)) {
    if (await readsWholeTable(ledger.pool.query, lookUp)) scans.push(name);
    const times: number[] = [];
    for (let turn = 0; turn < LOOK_UPS; turn += 1) {
      const begin = performance.now();
      await lookUp(ledger.pool.query, turn);
      times.push(performance.now() - begin);
    }
    result[name] = { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
  }
  return { lookUps: result, scans };
}

/** Whether EXPLAIN shows a sequential scan of the entries or the payloads. */
async function readsWholeTable(query: BulkQuery, lookUp: LookUp): Promise<boolean> {
  let scans = false;
  const explaining: BulkQuery = async <R>(text: string, values?: readonly unknown[]) => {
    const plan = await query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
    scans ||= plan.some((line) => /Seq Scan on (entries|payloads)/.test(line['QUERY PLAN']));
    return [] as R[];
  };
  await lookUp(explaining, 1);
  return scans;
}

function print(results: readonly AtSize[]): void {
  const ms = (value: number): string => value.toFixed(1);
  console.log(
    table([
      [
        'entries',
        'client CPU µs',
        'server CPU µs',
        'bytes an entry',
        ...Object.keys(results[0]?.lookUps ?? {}).map((name) => `${name} p50/p99 ms`),
        'scans',
      ],
      ...results.map((each) => [
        String(each.entries),
        ms(each.clientCpu),
        ms(each.serverCpu),
        each.bytes.toFixed(0),
        ...Object.values(each.lookUps).map(({ p50Ms, p99Ms }) => `${ms(p50Ms)}/${ms(p99Ms)}`),
        each.scans.length === 0 ? 'none' : each.scans.join(' '),
      ]),
    ]),
  );
}
