import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLog } from '#libs/event-log/port.js';
import { readEventLogSettings } from '#libs/event-log/settings.js';
import { createLogger } from '#libs/observability/logger.js';
import { migrate } from '#libs/postgres/migrate.js';
import { eventLogsUnderTest } from '../e2e/event-logs.js';
import { eventually } from '../e2e/eventually.js';
import { connectAs, heldRequestId, type GatewayClient } from '../e2e/gateway-client.js';
import { startLocalStack, type LocalStack } from '../e2e/local-stack.js';
import { quantile, table } from './statistics.js';

const MIGRATIONS = fileURLToPath(new URL('../../../deploy/migrations', import.meta.url));

/** A record about as large as a decision. */
const RECORD = Buffer.alloc(900, 'x');

interface Row {
  readonly log: string;
  readonly votes: number;
  readonly trip: readonly number[];
  readonly vote: readonly number[];
}

/**
 * From a vote (the HTTP call begins) to the statement's arrival at the target (its own clock, the same
 * machine's), beside the bare trip of a record of the same size through the same event log, in turn. In
 * between lie the vote's transaction, the outbox, the log, the second reading of what was approved, and
 * the durable note of the release.
 */
export async function benchDecision(options: { json: boolean; short: boolean }): Promise<void> {
  const rows: Row[] = [];
  for (const { kind, environment } of eventLogsUnderTest())
    rows.push(await measure(kind, environment(), options.short ? 10 : 60));
  const summary = rows.map(({ log, votes, trip, vote }) => ({
    log,
    votes,
    tripP50: quantile(trip, 0.5),
    tripP99: quantile(trip, 0.99),
    voteP50: quantile(vote, 0.5),
    voteP99: quantile(vote, 0.99),
    ratioP50: quantile(vote, 0.5) / quantile(trip, 0.5),
    ratioP99: quantile(vote, 0.99) / quantile(trip, 0.99),
  }));
  if (options.json) {
    console.log(JSON.stringify({ bench: 'decision', rows: summary }));
    return;
  }
  const cells = summary.map((row) => [
    row.log,
    String(row.votes),
    ...[row.tripP50, row.tripP99, row.voteP50, row.voteP99, row.ratioP50, row.ratioP99].map((value) =>
      value.toFixed(1),
    ),
  ]);
  const head = ['log', 'votes', 'trip p50', 'trip p99', 'vote p50', 'vote p99', 'p50 ratio', 'p99 ratio'];
  console.log(table([head, ...cells]));
}

async function measure(
  log: string,
  environment: Readonly<Record<string, string>>,
  votes: number,
): Promise<Row> {
  const stack = await startLocalStack({ environment });
  try {
    const bare = await bareLog(stack, environment);
    const client = await connectAs(stack, 'alice');
    const trip: number[] = [];
    const vote: number[] = [];
    try {
      await client.query('SELECT 1');
      // The first ones warm caches and connections, and are not counted.
      for (let round = -3; round < votes; round += 1) {
        const trips = [await bare.trip(), await bare.trip()];
        const took = await voteOnce(stack, client);
        if (round < 0) continue;
        trip.push(...trips);
        vote.push(took);
      }
    } finally {
      await client.end();
      await bare.close();
    }
    return { log, votes, trip, vote };
  } finally {
    await stack.stop();
  }
}

async function voteOnce(stack: LocalStack, client: GatewayClient): Promise<number> {
  const notices = client.notices.length;
  const running = client.query<{ arrived: string }>(
    'UPDATE customers SET newsletter = newsletter RETURNING extract(epoch FROM statement_timestamp()) * 1000 AS arrived',
  );
  const requestId = await heldRequestId(client, notices);
  await eventually('the request has reviewers', 30_000, async () => {
    const { body } = await call(stack, 'GET', `/v1/requests/${requestId}`);
    return (body['notified'] as unknown[] | undefined)?.length === 1 ? true : undefined;
  });
  const voted = performance.timeOrigin + performance.now();
  const { status } = await call(stack, 'POST', `/v1/requests/${requestId}/votes`, { decision: 'approve' });
  if (status !== 200) throw new Error(`the vote gave ${status}`);
  const { rows } = await running;
  return Number(rows[0]?.arrived) - voted;
}

async function call(stack: LocalStack, method: string, where: string, body?: object) {
  const token = stack.ready.identities.find(({ name }) => name === 'bob')?.token ?? '';
  const response = await fetch(`${stack.ready.approvals.url}${where}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** The same event log beside the stack's: the same broker, or another database of the same server. */
async function bareLog(stack: LocalStack, environment: Readonly<Record<string, string>>) {
  const url = new URL(stack.ready.platform.adminUrl);
  if (stack.ready.eventLog.kind === 'embedded') {
    const admin = new pg.Client({ connectionString: url.toString() });
    await admin.connect();
    await admin.query('CREATE DATABASE bare_log');
    await admin.end();
    url.pathname = '/bare_log';
    await migrate(url.toString(), MIGRATIONS, ['roles', 'event-log']);
  }
  const prefix = environment['KAFKA_TOPIC_PREFIX'];
  const settings = readEventLogSettings({
    ...environment,
    ...(prefix === undefined ? {} : { KAFKA_TOPIC_PREFIX: `${prefix}bare.` }),
    DATABASE_URL: url.toString(),
  });
  const log = await openEventLog(settings, {
    applicationName: 'bench',
    logger: createLogger('bench', 'silent'),
  });
  await log.ensureTopics();
  return tripper(log);
}

async function tripper(log: EventLog) {
  let arrived: () => void = () => undefined;
  const at = { topic: 'decisions' as const, partition: 0 };
  const subscription = await log.tail({
    ...at,
    reader: 'bench',
    from: 'start',
    onRecord: () => arrived(),
    onFatal: (error) => {
      throw error;
    },
  });
  const producer = await log.producer();
  return {
    /** Milliseconds from the append to the record's arrival at a reader. */
    trip: async (): Promise<number> => {
      const from = performance.now();
      const arrival = new Promise<number>((resolve) => {
        arrived = () => resolve(performance.now() - from);
      });
      await producer.append([{ ...at, key: 'bench', value: RECORD }]);
      return await arrival;
    },
    close: async (): Promise<void> => {
      await subscription.stop();
      await producer.close();
      await log.close();
    },
  };
}
