import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '#libs/kernel/coded-error.js';
import { homeOf, type Home } from './home/home.js';
import { isRunning, type ProcessIdentity } from './home/process-identity.js';
import { runningProcesses } from './stop-processes.js';

/** `npm run reset`: deletes the stack's state, for good. Refuses while anything of it runs. */
async function reset(home: Home): Promise<string> {
  if (!(await exists(home.root))) return `There is nothing at ${home.root}.`;
  if (!(await exists(home.stack)) && !(await exists(home.keys)))
    throw new Error(
      `${home.root} does not look like a stack's home (no stack.json, no keys): nothing deleted`,
    );
  const running = await runningProcesses(home).catch(() => []);
  const supervisor = await supervisorOf(home);
  if (supervisor !== undefined) throw new Error(`npm start runs on ${home.root}: end it with Ctrl-C first`);
  if (running.length > 0)
    throw new Error(
      `${running.join(', ')} of ${home.root} still ${running.length === 1 ? 'runs' : 'run'}: npm start and Ctrl-C end what was left behind`,
    );
  await rm(home.root, { recursive: true });
  return `Deleted ${home.root}.`;
}

async function supervisorOf(home: Home): Promise<ProcessIdentity | undefined> {
  const text = await readFile(path.join(home.root, 'supervisor.lock'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const identity = JSON.parse(text) as ProcessIdentity;
  return (await isRunning(identity)) ? identity : undefined;
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

reset(homeOf(process.env)).then(
  (done) => console.log(done),
  (error: unknown) => {
    process.stderr.write(`countersign: ${messageOf(error)}\n`);
    process.exitCode = 1;
  },
);
