import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { migrate } from '#libs/postgres/migrate.js';
import type { TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import type { Installation } from '../contract/installation.js';
import { openEventLog, type OpenOptions } from '../open-event-log.js';
import type { EventLog, TopicPartition } from '../port.js';

const TEMPLATE = 'event_log_template';

/** Prepares the server for `installEmbedded`: a template database with the migrations applied. */
export async function makeTemplate(server: TemporaryPostgres, migrations: string): Promise<void> {
  await asAdmin(server.adminUrl(), async (client) => {
    await client.query(`CREATE DATABASE ${TEMPLATE}`);
  });
  await migrate(server.adminUrl(TEMPLATE), path.resolve(migrations), ['roles', 'event-log']);
}

export interface EmbeddedInstallation extends Installation {
  /** The superuser's URL of this installation's database. */
  readonly url: string;
  admin<T>(work: (client: PgClient) => Promise<T>): Promise<T>;
  /** Opens it through a URL of the caller's, a role's or a proxy's. */
  openAt(url: string, sessionTimeoutMs?: number): Promise<EventLog>;
}

/** An embedded event log of a test's own: a fresh database on the server. */
export async function installEmbedded(
  server: TemporaryPostgres,
  logger: OpenOptions['logger'],
): Promise<EmbeddedInstallation> {
  const database = `log_${randomUUID().replaceAll('-', '')}`;
  await asAdmin(server.adminUrl(), async (client) => {
    await client.query(`CREATE DATABASE ${database} TEMPLATE ${TEMPLATE}`);
  });
  const url = server.adminUrl(database);
  const opened: EventLog[] = [];
  const openAt = async (databaseUrl: string, sessionTimeoutMs = 3_000): Promise<EventLog> => {
    const log = await openEventLog(
      { kind: 'embedded', databaseUrl },
      { applicationName: 'test', logger, sessionTimeoutMs },
    );
    opened.push(log);
    return log;
  };
  return {
    url,
    admin: (work) => asAdmin(url, work),
    openAt,
    open: () => openAt(url),
    trim: ({ topic, partition }: TopicPartition, below: bigint) =>
      asAdmin(url, async (client) => {
        await client.query(
          'UPDATE event_log.heads SET first_offset = $3 WHERE topic = $1 AND partition = $2',
          [topic, partition, below],
        );
      }),
    dispose: async () => {
      await Promise.all(opened.map((log) => log.close()));
      await asAdmin(server.adminUrl(), async (client) => {
        await client.query(`DROP DATABASE ${database} WITH (FORCE)`);
      });
    },
  };
}

async function asAdmin<T>(url: string, work: (client: PgClient) => Promise<T>): Promise<T> {
  const client = await connectClient(url, 'test administration');
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
