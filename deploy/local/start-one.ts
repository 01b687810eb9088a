import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { homeOf, type Home } from './home/home.js';
import { isRunning } from './home/process-identity.js';
import {
  isPostgres,
  processNames,
  readStack,
  startRecorded,
  type ProcessName,
  type Stack,
} from './home/stack-file.js';
import { inheritedEnvironment, settingsOf } from './service-environments.js';
import {
  startPostgres,
  startService,
  type PostgresName,
  type ServiceName,
  type StartedProcess,
} from './start-process.js';
import { listenForStop } from './stop-request.js';
import { stopProcess } from './stop-processes.js';

/**
 * `npm run start:<name>`: one process in the foreground. Where COUNTERSIGN_HOME holds a stack, what the
 * environment does not say comes from there, and the process is recorded in ready.json; elsewhere the
 * environment is all there is.
 */
async function startOne(name: ProcessName): Promise<number> {
  const home = homeOf(process.env);
  const stop = listenForStop(() => performance.now());
  const stack = await readStack(home);
  let started: StartedProcess;
  if (stack === undefined) {
    if (isPostgres(name))
      throw new CodedError('NO_STACK', `${home.root} holds no stack: npm start makes one, ${name} included`);
    started = await startService(name as ServiceName, given(process.env), 'inherit');
  } else {
    const environment = {
      ...inheritedEnvironment(process.env),
      ...stack.environments[name],
      ...changedSettings(process.env, stack),
    };
    started = await startRecorded(home, name, refuseRunning(home, name), async () =>
      isPostgres(name)
        ? startPostgres(home, stack, name as PostgresName)
        : startService(name as ServiceName, environment, 'inherit'),
    );
  }
  const { identity, exited } = started;
  // A service speaks for itself; PostgreSQL's words go to its log.
  if (isPostgres(name))
    process.stderr.write(`${name} answers as process ${identity.pid}; log: ${home.logOf(name)}\n`);
  let asked = false;
  void stop.asked.then(() => {
    asked = true;
    return stopProcess(name, identity, stop.hurry);
  });
  const how = await exited;
  // Whoever is stopped before it listens for the signal dies of it, with nothing to drain yet.
  if (how === '0' || (asked && how === 'SIGTERM')) return 0;
  // With an exit code it has said why in a line of its own.
  if (!/^[0-9]+$/.test(how)) process.stderr.write(`countersign: ${name} ended (${how})\n`);
  return 1;
}

const refuseRunning =
  (home: Home, name: ProcessName) =>
  async (recorded: { pid: number; started: string }): Promise<void> => {
    if (await isRunning(recorded))
      throw new CodedError(
        'ALREADY_RUNNING',
        `${name} already runs on ${home.root} (process ${recorded.pid})`,
      );
  };

/** Everything that is set: alone, a service takes its settings from the environment only. */
function given(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/**
 * The settings that differ from what `npm start` was given. One that is the same was worked into the
 * stack already: DATABASE_URL, say, is the owner's there and became a login for each service.
 */
function changedSettings(environment: NodeJS.ProcessEnv, stack: Stack): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settingsOf(environment)).filter(
      ([name, value]) => name !== 'COUNTERSIGN_HOME' && value !== stack.given[name],
    ),
  );
}

const name = processNames.find((each) => each === process.argv[2]);
if (name === undefined) {
  process.stderr.write(`countersign: start-one needs one of ${processNames.join(', ')}\n`);
  process.exit(2);
}
startOne(name).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`countersign: ${messageOf(error).replaceAll('\n', ' ')}\n`);
    process.exit(1);
  },
);
