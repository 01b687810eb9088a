import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Connection } from './connections.js';

const run = promisify(execFile);

/** An unmodified client that says what it sees. */
export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** Where clients/install.sh put what it built. */
const BUILT = process.env['COUNTERSIGN_CLIENTS'] ?? path.join(HERE, '.clients');

export const clientFile = (name: string): string => path.join(HERE, 'clients', name);

export const PROGRAMS: readonly Program[] = [
  {
    name: 'psycopg and asyncpg',
    command: path.join(BUILT, 'python/bin/python'),
    args: [clientFile('python/client.py')],
  },
  { name: 'pgx', command: path.join(BUILT, 'go-client'), args: [] },
  {
    name: 'pgjdbc',
    command: 'java',
    args: ['-Duser.timezone=UTC', '-cp', path.join(BUILT, 'java/*'), clientFile('java/Client.java')],
  },
  { name: 'tokio-postgres', command: path.join(BUILT, 'rust-client'), args: [] },
];

/** undefined where it is there; else why it is skipped. */
export async function whySkipped(program: Program): Promise<string | undefined> {
  const needed = program.command === 'java' ? path.join(BUILT, 'java') : program.command;
  return access(needed).then(
    () => undefined,
    () => `SKIPPED: ${program.name} is not built here (test/conformance/clients/install.sh)`,
  );
}

export const isInstalled = (command: string): Promise<boolean> =>
  run(command, ['--version']).then(
    () => true,
    () => false,
  );

/** What a program prints, and how it ends. */
export async function transcriptOf(program: Omit<Program, 'name'>, connection: Connection): Promise<string> {
  const { stdout, stderr } = await run(program.command, [...program.args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...connection },
    maxBuffer: 64 << 20,
    timeout: 280_000,
  }).catch((error: { stdout: string; stderr: string; code: unknown }) => ({
    stdout: `${error.stdout}\nended with ${String(error.code)}`,
    stderr: error.stderr,
  }));
  return `${stdout}\n${stderr}`;
}
