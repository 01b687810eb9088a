import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCluster } from '#libs/embedded-postgres/cluster.js';
import { CodedError, hasCode, messageOf } from '#libs/kernel/coded-error.js';
import type { Home } from './home/home.js';
import { identityOf, type ProcessIdentity } from './home/process-identity.js';
import type { Stack } from './home/stack-file.js';
import { packageRoot, program } from './package-root.js';

export type PostgresName = 'platform-postgres' | 'target-postgres';
export type ServiceName = 'gateway' | 'approvals' | 'audit' | 'idp';

/**
 * How far a service stands back where all share one machine (nice). Sealing may follow a moment later; a
 * statement, for which somebody waits, goes first.
 */
const STANDS_BACK: Readonly<Partial<Record<ServiceName, number>>> = { audit: 5 };

/** A process this one started. */
export interface StartedProcess {
  readonly identity: ProcessIdentity;
  /** Resolves with the exit code or signal when it is gone, for whatever reason. */
  readonly exited: Promise<string>;
}

export interface StartedPostgres extends StartedProcess {
  adminUrl(database?: string): string;
}

export const programOf = (name: ServiceName): string =>
  name === 'idp' ? program('deploy', 'local', 'idp', 'main.js') : program('apps', name, 'src', 'main.js');

/**
 * Starts a service in a process group of its own: a Ctrl-C at the terminal reaches only who started it,
 * who ends the parts in order. `output`: a log file to append to, or `inherit` for this terminal.
 */
export async function startService(
  name: ServiceName,
  environment: Readonly<Record<string, string>>,
  output: string,
): Promise<StartedProcess> {
  const log = output === 'inherit' ? undefined : await open(output, 'a', 0o600);
  const stream = log === undefined ? ('inherit' as const) : log.fd;
  const child = spawn(process.execPath, ['--enable-source-maps', programOf(name)], {
    cwd: packageRoot,
    env: environment,
    detached: true,
    stdio: ['ignore', stream, stream],
  });
  await log?.close();
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? String(code)));
    child.once('error', (error) => resolve(error.message));
  });
  const niceness = STANDS_BACK[name];
  if (child.pid !== undefined && niceness !== undefined) os.setPriority(child.pid, niceness);
  const identity = child.pid === undefined ? undefined : await identityOf(child.pid);
  if (identity === undefined)
    throw new CodedError(
      'DID_NOT_START',
      `${name} ended at once (${await exited})${output === 'inherit' ? '' : `: ${await lastLine(output)} (log: ${output})`}`,
    );
  return { identity, exited };
}

/** Starts one of the stack's PostgreSQL servers on its data, which is made if there is none. */
export async function startPostgres(home: Home, stack: Stack, name: PostgresName): Promise<StartedPostgres> {
  const platform = name === 'platform-postgres';
  const options = {
    directory: platform ? home.platformData : home.targetData,
    port: platform ? stack.ports.platform : stack.ports.target,
    password: stack.passwords[name] ?? '',
    logFile: home.logOf(name),
  };
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      const cluster = await startCluster(options);
      const identity = await identityOf(cluster.pid);
      if (identity === undefined) throw new CodedError('POSTGRES_DID_NOT_START', `${name} ended at once`);
      return { identity, exited: cluster.exited, adminUrl: cluster.adminUrl };
    } catch (error) {
      // After kill -9 the old server's children hold its shared memory until they have noticed.
      const lingering =
        hasCode(error, 'POSTGRES_DID_NOT_START') &&
        /shared memory block|lock file "postmaster\.pid"/.test(messageOf(error));
      if (!lingering || performance.now() > deadline)
        throw new CodedError('DID_NOT_START', `${name}: ${messageOf(error)} (log: ${options.logFile})`, {
          cause: error,
        });
      await sleep(200);
    }
  }
}

/** Waits until `url` answers 200. Throws when the process ends before, or after 25 s. */
export async function untilReady(
  name: ServiceName,
  url: string,
  started: StartedProcess,
  logFile: string,
  interrupted: () => void,
): Promise<void> {
  let gone: string | undefined;
  void started.exited.then((how) => (gone = how));
  const deadline = performance.now() + 25_000;
  let answer = 'no answer';
  for (;;) {
    interrupted();
    if (gone !== undefined)
      throw new CodedError(
        'DID_NOT_START',
        `${name} ended (${gone}): ${await lastLine(logFile)} (log: ${logFile})`,
      );
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      if (response.status === 200) return;
      answer = (await response.text()).slice(0, 500);
    } catch (error) {
      answer = messageOf(error);
    }
    if (performance.now() > deadline)
      throw new CodedError('NOT_READY', `${name} is not ready after 25 s: ${answer} (log: ${logFile})`);
    await sleep(50);
  }
}

/** The last thing a log says: of a JSON line its message, of a crash its error instead of its stack. */
export async function lastLine(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  const lines = text.slice(-65_536).split('\n');
  const line = lines.findLast((each) => SAYS_SOMETHING.test(each)) ?? '';
  try {
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
    return [msg, err?.message].filter((part) => part !== undefined).join(': ');
  } catch {
    // A plain line, such as a start error: it says it itself.
    return line.trim().slice(0, 500);
  }
}

/** Not a frame of a stack, a property of an error, or what Node.js prints around an uncaught one. */
const SAYS_SOMETHING = /^(?!Node\.js v|node:|file:|Emitted 'error')[A-Za-z0-9{]./;
