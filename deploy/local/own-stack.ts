import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import { homeAt } from './home/home.js';
import { readReady } from './home/stack-file.js';
import { packageRoot, program } from './package-root.js';

/** A whole stack in a temporary home, as `npm start` runs it, beside whatever else this machine runs. */
export interface OwnStack {
  readonly home: string;
  /** What its supervisor was started with; for `countersign` and `start:<name>` too. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of the supervisor. */
  readonly pid: number;
  /** ready.json as it is now. */
  ready(): Promise<ReadyFile>;
  /** Everything the supervisor has printed. */
  output(): string;
  /** Resolves with the supervisor's exit code or signal. */
  readonly exited: Promise<string>;
  /** Ctrl-C, and waits until everything is down. The state stays. */
  stop(): Promise<string>;
  /** Stops and deletes the state. */
  dispose(): Promise<void>;
}

export interface OwnStackOptions {
  /** Settings beside the ports, such as KAFKA_BROKERS. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The home of a stack that was stopped; a new temporary one where absent. */
  readonly home?: string;
}

const PORTS = ['GATEWAY', 'GATEWAY_HTTP', 'APPROVALS', 'AUDIT', 'IDP', 'PLATFORM', 'TARGET'];

/** Settings of ours in the surroundings must not reach a stack that stands for itself. */
const foreign = /^(COUNTERSIGN_|KAFKA_|SLACK_)|^DATABASE_URL$/;

export async function startOwnStack(options: OwnStackOptions = {}): Promise<OwnStack> {
  const home = options.home ?? (await temporaryHome());
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && !foreign.test(name)) environment[name] = value;
  if (options.home === undefined) {
    // The system may name a port again that it has named before, as long as nobody listens there.
    const ports = new Set<number>();
    while (ports.size < PORTS.length) ports.add(await freePort());
    for (const [index, port] of [...ports].entries())
      environment[`COUNTERSIGN_${PORTS[index]}_PORT`] = String(port);
  }
  Object.assign(environment, { COUNTERSIGN_HOME: home }, options.environment);
  const child = spawn(process.execPath, [program('deploy', 'local', 'start.js')], {
    cwd: packageRoot,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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
  const stop = (): Promise<string> => {
    child.kill('SIGINT');
    return exited;
  };
  const ready = async (): Promise<ReadyFile> => {
    const found = await readReady(homeAt(home));
    if (found === undefined) throw new CodedError('NOT_READY', `there is no ready.json in ${home}`);
    return found;
  };
  const deadline = performance.now() + 90_000;
  while ((await readReady(homeAt(home))) === undefined) {
    if (gone !== undefined) throw new CodedError('DID_NOT_START', `the stack ended (${gone}): ${output}`);
    if (performance.now() > deadline) {
      await stop();
      throw new CodedError('NOT_READY', `the stack is not ready after 90 s: ${output}`);
    }
    await sleep(50);
  }
  return {
    home,
    environment,
    pid: child.pid as number,
    ready,
    output: () => output,
    exited,
    stop,
    dispose: async () => {
      await stop();
      await rm(options.home === undefined ? path.dirname(home) : home, { recursive: true, force: true });
    },
  };
}

/** As root, PostgreSQL's user passes through it: so it opens for passing, and nothing else. */
async function temporaryHome(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-'));
  await chmod(folder, 0o711);
  return path.join(folder, 'home');
}
