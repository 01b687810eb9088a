import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { readyFileSchema, type ReadyFile } from '#libs/contracts/ready-file.js';
import { CodedError, hasCode } from '#libs/kernel/coded-error.js';
import type { Home } from './home.js';
import { withLock } from './lock-file.js';
import type { ProcessIdentity } from './process-identity.js';
import { writeSecretJson } from './write-file.js';

/** The processes of a stack, in the order in which they are stopped. */
export const processNames = [
  'gateway',
  'approvals',
  'audit',
  'idp',
  'target-postgres',
  'platform-postgres',
] as const;
export type ProcessName = (typeof processNames)[number];

export const isPostgres = (name: ProcessName): boolean => name.endsWith('-postgres');

const portsSchema = z.object({
  gateway: z.int(),
  gatewayHttp: z.int(),
  approvals: z.int(),
  audit: z.int(),
  idp: z.int(),
  platform: z.int(),
  target: z.int(),
});
export type Ports = z.output<typeof portsSchema>;

/** stack.json: what a start decided, so that the next one and `start:<name>` find the same. Mode 0600. */
const stackSchema = z.object({
  version: z.literal(1),
  ports: portsSchema,
  /** Superusers' and roles' passwords of the two PostgreSQL servers, by role. */
  passwords: z.record(z.string(), z.string()),
  /** The settings `npm start` was given. */
  given: z.record(z.string(), z.string()),
  /** The environment each process was started with, beside what every process inherits. */
  environments: z.partialRecord(z.enum(processNames), z.record(z.string(), z.string())),
  /** The newest process of each name, running or not. */
  processes: z.partialRecord(z.enum(processNames), z.object({ pid: z.int(), started: z.string() })),
});
export type Stack = z.output<typeof stackSchema>;

export async function readStack(home: Home): Promise<Stack | undefined> {
  const text = await readIfThere(home.stack);
  if (text === undefined) return undefined;
  const parsed = stackSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new CodedError(
    'STACK_FILE_INVALID',
    `${home.stack} is not readable by this version: delete the state with npm run reset`,
  );
}

export async function readReady(home: Home): Promise<ReadyFile | undefined> {
  const text = await readIfThere(home.ready);
  return text === undefined ? undefined : readyFileSchema.parse(JSON.parse(text));
}

const locked = <T>(home: Home, work: () => Promise<T>): Promise<T> => withLock(`${home.stack}.lock`, work);

export const writeStack = (home: Home, stack: Stack): Promise<void> =>
  locked(home, () => writeSecretJson(home.stack, stack));

/** Writes ready.json with the processes as they are recorded at that moment. */
export const writeReady = (home: Home, ready: Omit<ReadyFile, 'processes'>): Promise<void> =>
  locked(home, async () => {
    const stack = await readStack(home);
    await writeSecretJson(home.ready, { ...ready, processes: processLines(stack?.processes ?? {}) });
  });

export const removeReady = (home: Home): Promise<void> => locked(home, () => rm(home.ready, { force: true }));

/**
 * Starts one process and records it in stack.json and, where there is one, ready.json. Under a lock of
 * that name, so that of two at once the second sees the first: `check` judges the recorded process, and
 * throws where it must not be started beside it.
 */
export const startRecorded = <T extends { identity: ProcessIdentity }>(
  home: Home,
  name: ProcessName,
  check: (recorded: ProcessIdentity) => Promise<void>,
  start: () => Promise<T>,
): Promise<T> =>
  withLock(`${home.stack}.${name}.lock`, async () => {
    const before = (await readStack(home))?.processes[name];
    if (before !== undefined) await check(before);
    const begun = await start();
    await locked(home, () => record(home, name, begun.identity));
    return begun;
  });

async function record(home: Home, name: ProcessName, { pid, started }: ProcessIdentity): Promise<void> {
  const stack = await readStack(home);
  if (stack === undefined) throw new CodedError('NO_STACK', `${home.stack} is gone`);
  const processes = { ...stack.processes, [name]: { pid, started } };
  await writeSecretJson(home.stack, { ...stack, processes });
  const ready = await readReady(home);
  if (ready !== undefined)
    await writeSecretJson(home.ready, { ...ready, processes: processLines(processes) });
}

/** Replaces the tokens in ready.json and leaves the rest, as it stands then, alone. */
export const replaceIdentities = (home: Home, identities: ReadyFile['identities']): Promise<void> =>
  locked(home, async () => {
    const ready = await readReady(home);
    if (ready !== undefined) await writeSecretJson(home.ready, { ...ready, identities });
  });

const processLines = (processes: Stack['processes']): ReadyFile['processes'] =>
  processNames.flatMap((name) => {
    const identity = processes[name];
    return identity === undefined ? [] : [{ name, pid: identity.pid }];
  });

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Reported by the caller, with the file's name and the way out.
    return undefined;
  }
}
