import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type Protocol = 'simple' | 'extended' | 'prepared';

export interface Contender {
  readonly name: string;
  /** libpq's environment: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE … */
  readonly env: Readonly<Record<string, string>>;
}

export interface Measured {
  readonly tps: number;
  /** Mean latency in milliseconds, as pgbench reports it. */
  readonly latencyMs: number;
}

export const havePgbench = (): Promise<boolean> =>
  run('pgbench', ['--version']).then(
    () => true,
    () => false,
  );

/** Runs pgbench's select-only script for some seconds. Fails when any transaction failed. */
export async function pgbenchSelectOnly(
  contender: Contender,
  options: { protocol: Protocol; clients: number; seconds: number },
): Promise<Measured> {
  const { stdout } = await run(
    'pgbench',
    ['-n', '-S', '-M', options.protocol, '-c', `${options.clients}`, '-j', '1', '-T', `${options.seconds}`],
    { env: { ...process.env, ...contender.env } },
  );
  const tps = Number(/tps = ([0-9.]+)/.exec(stdout)?.[1]);
  const latencyMs = Number(/latency average = ([0-9.]+) ms/.exec(stdout)?.[1]);
  const failed = Number(/number of failed transactions: ([0-9]+)/.exec(stdout)?.[1] ?? 0);
  if (!(tps > 0) || !(latencyMs > 0) || failed > 0)
    throw new Error(`pgbench on ${contender.name}: ${stdout}`);
  return { tps, latencyMs };
}

/** Makes pgbench's tables (scale 10: a million accounts) with a superuser's URL. */
export async function pgbenchInitialise(url: string): Promise<void> {
  await run('pgbench', ['-i', '-q', '-s', '10', url]);
}
