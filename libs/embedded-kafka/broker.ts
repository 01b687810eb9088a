import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CodedError } from '#libs/kernel/coded-error.js';
import { newClusterId, writeBrokerFiles, type BrokerFiles } from './broker-files.js';
import { jarsFolder } from './jars.js';
import { portIsFree } from './port-is-free.js';

const run = promisify(execFile);

const READY_LINE = 'Kafka Server started';
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
/** Quick to start, slower afterwards: for tests, not for measurements. */
const QUICK_FLAGS = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** A real Kafka, one node, from the jars that `fetchJars` put into `home`. For development and tests. */
export interface BrokerOptions {
  readonly java: string;
  readonly home: string;
  /** Keeps configuration, data and log; belongs to one port. */
  readonly directory: string;
  /** Takes `port + 1` too. Below 32768, so that no outgoing connection holds it. */
  readonly port: number;
  /** Starts quickly and notices a killed predecessor soon, for tests. */
  readonly quick?: boolean;
  readonly properties?: Readonly<Record<string, string>>;
  /** Further arguments of `StorageTool format`, such as --add-scram. */
  readonly formatWith?: readonly string[];
  /** System properties of the broker's JVM, each as -Dname=value. */
  readonly jvmProperties?: readonly string[];
}

export interface Broker {
  readonly brokers: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves with the exit code or signal when it is gone, for whatever reason. */
  readonly exited: Promise<string>;
  /** SIGTERM, and SIGKILL after 20 s. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Starts it and waits until it is ready. One that dies before is started once more. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const directory = path.resolve(options.directory);
  for (const port of [options.port, options.port + 1]) {
    if (!(await portIsFree(port)))
      throw new CodedError(
        'PORT_TAKEN',
        `port ${port} is taken, and Kafka needs ${options.port} and the next one`,
      );
  }
  const files = await writeBrokerFiles(directory, options.port, {
    ...(options.quick === true
      ? {
          'broker.session.timeout.ms': '3000',
          'broker.heartbeat.interval.ms': '500',
          'group.min.session.timeout.ms': '1000',
        }
      : {}),
    ...options.properties,
  });
  await format(options, files);
  try {
    return await launch(options, files);
  } catch (error) {
    // One start of several dozen dies for no reason that could be found; a second says whether there is one.
    if (!(error instanceof CodedError)) throw error;
    return launch(options, files);
  }
}

async function format(options: BrokerOptions, files: BrokerFiles): Promise<void> {
  const formatted = await stat(path.join(files.data, 'meta.properties')).then(
    () => true,
    () => false,
  );
  if (formatted) return;
  await run(options.java, [
    ...QUICK_FLAGS,
    '-cp',
    `${path.resolve(jarsFolder(options.home))}/*`,
    'kafka.tools.StorageTool',
    'format',
    '--standalone',
    '-t',
    newClusterId(),
    '-c',
    files.properties,
    ...(options.formatWith ?? []),
  ]);
}

async function launch(options: BrokerOptions, files: BrokerFiles): Promise<Broker> {
  const log = await open(files.log, 'a', 0o600);
  const from = (await log.stat()).size;
  const child = spawn(
    options.java,
    [
      '-Xms128m',
      options.quick === true ? '-Xmx256m' : '-Xmx512m',
      ...(options.quick === true ? QUICK_FLAGS : []),
      `-Dlog4j2.configurationFile=${files.logging}`,
      ...(options.jvmProperties ?? []),
      '-cp',
      `${path.resolve(jarsFolder(options.home))}/*`,
      'kafka.Kafka',
      files.properties,
    ],
    // A process group of its own: a Ctrl-C at the terminal stops its clients first, then it.
    { detached: true, stdio: ['ignore', log.fd, log.fd] },
  );
  await log.close();
  const atExit = (): void => void child.kill('SIGKILL');
  process.once('exit', atExit);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? String(code)));
    child.once('error', (error) => resolve(error.message));
  });
  void exited.then(() => process.off('exit', atExit));
  await untilReady(child, exited, files.log, from);
  return {
    brokers: `127.0.0.1:${options.port}`,
    pid: child.pid as number,
    logFile: files.log,
    exited,
    stop: () => stop(child, exited),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function untilReady(
  child: ChildProcess,
  exited: Promise<string>,
  logFile: string,
  from: number,
): Promise<void> {
  let gone: string | undefined;
  void exited.then((how) => (gone = how));
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const said = (await readFile(logFile)).subarray(from).toString('utf8');
    if (said.includes(READY_LINE)) return;
    if (gone !== undefined) throw notStarted(`ended before it was ready (${gone})`, said);
    if (performance.now() > deadline) {
      child.kill('SIGKILL');
      await exited;
      throw notStarted(`was not ready within ${READY_WITHIN_MS / 1_000} s`, said);
    }
    await sleep(50);
  }
}

const notStarted = (how: string, said: string): CodedError =>
  new CodedError('KAFKA_DID_NOT_START', `Kafka ${how}; the end of its log:\n${endOf(said)}`);

/** The last lines without stack frames. */
const endOf = (log: string): string =>
  log
    .split('\n')
    .filter((line) => /^\S/.test(line))
    .slice(-8)
    .join('\n') || '(nothing)';

async function stop(child: ChildProcess, exited: Promise<string>): Promise<void> {
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await exited;
  clearTimeout(hard);
}
