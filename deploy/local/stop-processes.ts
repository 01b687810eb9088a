import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from './home/home.js';
import { isRunning, signalProcess, type ProcessIdentity } from './home/process-identity.js';
import { isPostgres, processNames, readStack, type ProcessName } from './home/stack-file.js';

/**
 * Ends one process and waits until it is gone. A service drains on SIGTERM, for up to 10 s of its own;
 * PostgreSQL shuts down fast on SIGINT and flushes everything. What does not end is cut off.
 */
export async function stopProcess(
  name: ProcessName,
  identity: ProcessIdentity,
  hurry?: AbortSignal,
): Promise<'stopped' | 'killed' | 'was gone'> {
  const database = isPostgres(name);
  if (!(await signalProcess(identity, database ? 'SIGINT' : 'SIGTERM'))) return 'was gone';
  if (await ends(identity, database ? 20_000 : 12_000, hurry)) return 'stopped';
  // SIGQUIT is PostgreSQL's immediate shutdown: as safe as a crash, and its children go too.
  await signalProcess(identity, database ? 'SIGQUIT' : 'SIGKILL');
  if (await ends(identity, 5_000)) return 'killed';
  await signalProcess(identity, 'SIGKILL');
  await ends(identity, 5_000);
  return 'killed';
}

/** Ends every recorded process that still lives, services before PostgreSQL. Returns the names of those that did. */
export async function stopRecorded(home: Home, hurry?: AbortSignal): Promise<ProcessName[]> {
  const ended: ProcessName[] = [];
  const stopOne = async (name: ProcessName): Promise<void> => {
    const identity = (await readStack(home))?.processes[name];
    if (identity !== undefined && (await stopProcess(name, identity, hurry)) !== 'was gone') ended.push(name);
  };
  for (const name of processNames.filter((each) => !isPostgres(each))) await stopOne(name);
  await Promise.all(processNames.filter(isPostgres).map(stopOne));
  return ended;
}

/** The recorded processes that live now. */
export async function runningProcesses(home: Home): Promise<ProcessName[]> {
  const recorded = (await readStack(home))?.processes ?? {};
  const running: ProcessName[] = [];
  for (const name of processNames) {
    const identity = recorded[name];
    if (identity !== undefined && (await isRunning(identity))) running.push(name);
  }
  return running;
}

async function ends(identity: ProcessIdentity, milliseconds: number, hurry?: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (await isRunning(identity)) {
    if (performance.now() > deadline || hurry?.aborted === true) return false;
    await sleep(25);
  }
  return true;
}
