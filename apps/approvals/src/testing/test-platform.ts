import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import type { Topic } from '#libs/contracts/topics.js';
import { TOPICS } from '#libs/contracts/topics.js';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLog, LogRecord } from '#libs/event-log/port.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { migrate } from '#libs/postgres/migrate.js';
import { openPool, type DatabasePool } from '#libs/postgres/pool.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';

const MIGRATIONS = fileURLToPath(new URL('../../../../deploy/migrations', import.meta.url));

export const silent = pino({ level: 'silent' });

/** A real PostgreSQL with the schemas of the event log and of approvals, and a login role of approvals. */
export interface TestPlatform {
  readonly adminUrl: string;
  /** The URL of the service's own login role. */
  readonly approvalsUrl: string;
  readonly admin: PgClient;
  readonly pool: DatabasePool;
  /** The embedded event log as approvals may use it, and as a superuser may. */
  readonly eventLog: EventLog;
  readonly adminLog: EventLog;
  /** Everything in a topic, each partition in its order. */
  readTopic(topic: Topic): Promise<LogRecord[]>;
  dispose(): Promise<void>;
}

/** Starts one. What was started is stopped again where a later step fails. */
export async function testPlatform(): Promise<TestPlatform> {
  const started: (() => Promise<unknown>)[] = [];
  const dispose = async (): Promise<void> => {
    for (const stop of started.splice(0).reverse()) await stop();
  };
  try {
    const cluster = await temporaryPostgres({ fsync: 'off' });
    started.push(() => cluster.dispose());
    const adminUrl = cluster.adminUrl();
    await migrate(adminUrl, MIGRATIONS, ['roles', 'event-log', 'approvals']);
    const admin = await connectClient(adminUrl, 'test');
    started.push(() => admin.end());
    await admin.query(`CREATE ROLE approvals LOGIN PASSWORD 'only-a-test' IN ROLE countersign_approvals`);
    const url = new URL(adminUrl);
    url.username = 'approvals';
    url.password = 'only-a-test';
    const approvalsUrl = url.toString();
    const pool = await openPool(approvalsUrl, { applicationName: 'test' });
    started.push(() => pool.end());
    const open = async (databaseUrl: string): Promise<EventLog> => {
      const log = await openEventLog(
        { kind: 'embedded', databaseUrl },
        { applicationName: 'test', logger: silent, sessionTimeoutMs: 2_000 },
      );
      started.push(() => log.close());
      return log;
    };
    const eventLog = await open(approvalsUrl);
    const adminLog = await open(adminUrl);
    return {
      adminUrl,
      approvalsUrl,
      admin,
      pool,
      eventLog,
      adminLog,
      readTopic: (topic) => readTopic(adminLog, topic),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function readTopic(log: EventLog, topic: Topic): Promise<LogRecord[]> {
  const all: LogRecord[] = [];
  for (let partition = 0; partition < TOPICS[topic].partitions; partition += 1) {
    const end = await log.endOffset({ topic, partition });
    if (end === 0n) continue;
    await new Promise<void>((resolve, reject) => {
      const subscription = log.tail({
        topic,
        partition,
        reader: 'test',
        from: 'start',
        onRecord: (record) => {
          all.push(record);
          if (record.offset + 1n >= end) void subscription.then((each) => each.stop()).then(resolve, reject);
        },
        onFatal: reject,
      });
    });
  }
  return all;
}
