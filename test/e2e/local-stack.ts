import { spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { countersign } from '#deploy/local/demo/command-line.js';
import { startOwnStack, type OwnStack, type OwnStackOptions } from '#deploy/local/own-stack.js';
import { packageRoot } from '#deploy/local/package-root.js';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { readEventLogSettings } from '#libs/event-log/settings.js';
import { appendForgedDecision, type ForgedDecision } from './forged-decision.js';

export type ServiceName = 'gateway' | 'approvals' | 'audit' | 'idp' | 'platform-postgres' | 'target-postgres';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The whole stack as `npm start` runs it, on a temporary home and free ports, and what tests do with it. */
export interface LocalStack {
  readonly home: string;
  /** What the supervisor was started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** ready.json as it was when the stack had started. */
  readonly ready: ReadyFile;
  /** Everything the supervisor has printed. */
  output(): string;
  /** The countersign command. */
  cli(args: readonly string[]): Promise<CliResult>;
  /** The process number in ready.json now. */
  processId(name: ServiceName): Promise<number>;
  /** kill -9, and waits until the process is gone. */
  kill(name: ServiceName): Promise<void>;
  /** `npm run start:<name>`; resolves when ready.json names the new process and it is ready. */
  startAgain(name: ServiceName): Promise<ForegroundProcess>;
  appendForgedDecision(decision: ForgedDecision): Promise<void>;
  /** Ctrl-C to `npm start`; when everything is down, deletes the home. */
  stop(): Promise<void>;
}

/** What `start:<name>` runs in the foreground. */
export interface ForegroundProcess {
  /** Everything it has printed. */
  output(): string;
  /** Resolves with its exit code or signal. */
  readonly exited: Promise<string>;
  /** Ctrl-C. */
  stop(): Promise<string>;
}

export async function startLocalStack(options: OwnStackOptions = {}): Promise<LocalStack> {
  const stack = await startOwnStack(options);
  const ready = await stack.ready();
  const processId = async (name: ServiceName): Promise<number> => {
    const found = (await stack.ready()).processes.find((each) => each.name === name);
    if (found === undefined) throw new Error(`ready.json has no process ${name}`);
    return found.pid;
  };
  return {
    home: stack.home,
    environment: stack.environment,
    ready,
    output: stack.output,
    cli: async (args) => {
      const { code, out, err } = await countersign(stack.environment, ...args);
      return { code, stdout: out, stderr: err };
    },
    processId,
    kill: async (name) => {
      const pid = await processId(name);
      process.kill(pid, 'SIGKILL');
      while (isAlive(pid)) await sleep(10);
    },
    startAgain: async (name) => {
      const foreground = await startAgain(stack, name, () => processId(name));
      await untilReady(ready, name, foreground);
      return foreground;
    },
    appendForgedDecision: (decision) =>
      appendForgedDecision(
        readEventLogSettings({ ...stack.environment, DATABASE_URL: ready.platform.adminUrl }),
        decision,
      ),
    stop: stack.dispose,
  };
}

export async function startAgain(
  stack: OwnStack,
  name: ServiceName,
  processId: () => Promise<number>,
): Promise<ForegroundProcess> {
  const before = await processId();
  const child = spawn(
    process.execPath,
    [path.join(packageRoot, 'dist', 'deploy', 'local', 'start-one.js'), name],
    { cwd: packageRoot, env: stack.environment, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  const collect = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  let gone: string | undefined;
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? String(code)));
  });
  void exited.then((how) => (gone = how));
  await until(`${name} is recorded in ready.json`, 30_000, async () => {
    if (gone !== undefined) throw new Error(`${name} did not come back (${gone}): ${output}`);
    return (await processId()) !== before;
  });
  return {
    output: () => output,
    exited,
    stop: () => {
      child.kill('SIGINT');
      return exited;
    },
  };
}

/** PostgreSQL is recorded once it takes connections; the others say so themselves. */
async function untilReady(ready: ReadyFile, name: ServiceName, { output }: ForegroundProcess): Promise<void> {
  const url =
    name === 'gateway' || name === 'approvals' || name === 'audit'
      ? ready[name].url
      : name === 'idp'
        ? ready.idp.issuer
        : undefined;
  if (url === undefined) return;
  await until(`${name} is ready`, 30_000, async () => {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(
      () => undefined,
    );
    return answer?.status === 200;
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${output()}`);
  });
}

async function until(what: string, milliseconds: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${what}`);
    await sleep(50);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: gone.
    return false;
  }
}
