import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import type { TemporaryPostgres } from '#libs/testing/temporary-postgres.js';

/** The database that members store into. */
export interface Store {
  readonly url: string;
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>;
  end(): Promise<void>;
}

export async function makeStore(server: TemporaryPostgres): Promise<Store> {
  const admin = new pg.Client({ connectionString: server.adminUrl() });
  await admin.connect();
  const database = `store_${Date.now()}`;
  await admin.query(`CREATE DATABASE ${database}`);
  await admin.end();
  const url = server.adminUrl(database);
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  // pg_terminate_backend of a fault run may hit an idle connection.
  pool.on('error', () => undefined);
  await pool.query(`
    CREATE TABLE heads (partition int PRIMARY KEY, epoch bigint NOT NULL, next_offset bigint NOT NULL);
    INSERT INTO heads SELECT p, 0, 0 FROM generate_series(0, 3) p;
    CREATE TABLE stored (n bigserial, partition int, "offset" bigint, value text NOT NULL, member text NOT NULL,
      PRIMARY KEY (partition, "offset"));
    CREATE TABLE refused (member text, partition int)`);
  return {
    url,
    query: async <Row>(text: string, values: unknown[] = []) =>
      (await pool.query(text, values)).rows as Row[],
    end: () => pool.end(),
  };
}

export interface Member {
  readonly name: string;
  readonly child: ChildProcess;
  /** Resolves at the next line of its output that begins so. */
  says(beginning: string): Promise<void>;
  readonly ended: Promise<void>;
}

/** Starts a member process; its event log and store come with `environment`. */
export function startMember(name: string, environment: Record<string, string>, delayMs = 0): Member {
  const child = spawn(
    process.execPath,
    [path.resolve('dist/test/faults/event-log/member.js'), name, String(delayMs)],
    { env: { PATH: process.env['PATH'] ?? '', ...environment }, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const waiting = new Set<{ beginning: string; heard: () => void }>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    for (const each of waiting) {
      if (!line.startsWith(each.beginning)) continue;
      waiting.delete(each);
      each.heard();
    }
  });
  return {
    name,
    child,
    says: (beginning) => new Promise((heard) => waiting.add({ beginning, heard })),
    ended: new Promise((resolve) => child.once('exit', () => resolve())),
  };
}
