import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { median } from './statistics.js';

const run = promisify(execFile);

export type Protocol = 'simple' | 'extended' | 'prepared';

export interface Contender {
  readonly name: string;
  /** libpq's environment: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE … */
  readonly env: Readonly<Record<string, string>>;
}

export interface Measured {
  readonly tps: number;
  /** Median latency in milliseconds. */
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
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-bench-'));
  try {
    const { stdout } = await run(
      'pgbench',
      [
        ...['-n', '-S', '-M', options.protocol, '-c', `${options.clients}`, '-j', '1'],
        ...[
          '-T',
          `${options.seconds}`,
          '-l',
          '--sampling-rate=0.1',
          `--log-prefix=${path.join(folder, 'log')}`,
        ],
      ],
      { env: { ...process.env, ...contender.env } },
    );
    const tps = Number(/tps = ([0-9.]+)/.exec(stdout)?.[1]);
    const failed = Number(/number of failed transactions: ([0-9]+)/.exec(stdout)?.[1] ?? 0);
    const latencyMs = median(await latenciesIn(folder));
    if (!(tps > 0) || !(latencyMs > 0) || failed > 0)
      throw new Error(`pgbench on ${contender.name}: ${stdout}`);
    return { tps, latencyMs };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Of pgbench's log: `client transaction microseconds …`. */
async function latenciesIn(folder: string): Promise<number[]> {
  const files = await readdir(folder);
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')));
  const lines = texts.flatMap((text) => text.trimEnd().split('\n'));
  return lines.map((line) => Number(line.split(' ')[2]) / 1000);
}

/** Makes pgbench's tables (scale 10: a million accounts) with a superuser's URL. */
export async function pgbenchInitialise(url: string): Promise<void> {
  await run('pgbench', ['-i', '-q', '-s', '10', url]);
}
