import { postgresSystemUser } from '#libs/embedded-postgres/system-user.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { homeOf, prepareHome, type Home } from './home/home.js';
import { tryLock } from './home/lock-file.js';
import { readReady, removeReady, replaceIdentities, writeReady, type Stack } from './home/stack-file.js';
import { currentIdentities, startLocalStack } from './local-stack.js';
import { nextSteps } from './next-steps.js';
import { planStack } from './plan-stack.js';
import { terminalProgress } from './progress.js';
import { inheritedEnvironment } from './service-environments.js';
import { readStartSettings } from './start-settings.js';
import { listenForStop, StopAsked } from './stop-request.js';
import { stopRecorded } from './stop-processes.js';
import { ProcessWatch } from './watch-processes.js';

const TOKEN_REFRESH_MS = 6 * 3_600_000;
const now = (): number => performance.now();
const progress = terminalProgress(process.stdout, now);

/** `npm start`: brings the whole stack up on one machine and keeps it until it is told to stop. */
async function start(): Promise<void> {
  const begun = now();
  const home = homeOf(process.env);
  const settings = await readStartSettings(process.env);
  const local = settings.DATABASE_URL === undefined || settings.COUNTERSIGN_TARGETS === undefined;
  await prepareHome(home, local ? await postgresSystemUser() : undefined);
  const lock = await tryLock(`${home.root}/supervisor.lock`);
  if ('heldBy' in lock) {
    throw new Error(
      `a stack already runs on ${home.root} (process ${lock.heldBy.pid}): end it with Ctrl-C there, or set COUNTERSIGN_HOME to another folder`,
    );
  }
  const stop = listenForStop(now);
  const watch = new ProcessWatch(home, progress.line);
  try {
    await endLeftovers(home);
    const stack = await planStack(home, settings, process.env);
    progress.line(`Starting on ${home.root}`);
    const ready = await startLocalStack({
      home,
      stack,
      settings,
      progress,
      inherited: inheritedEnvironment(process.env),
      interrupted: stop.check,
      onStarted: (name, started) => watch.started(name, started),
    });
    await writeReady(home, ready);
    progress.line(nextSteps(home, ready, settings.targets?.names[0], (now() - begun) / 1000));
    watch.watch();
    await stay(home, stack, watch, stop.asked);
    progress.line('Stopping: the services drain first.');
  } catch (error) {
    if (!(error instanceof StopAsked)) throw error;
    progress.line('Stopping before everything had started.');
  } finally {
    watch.hush();
    await stopRecorded(home, stop.hurry);
    await removeReady(home);
    await lock.release();
  }
  progress.line('Stopped; npm start finds the state again.');
}

/** A supervisor that was killed leaves its parts running; they are told apart by when they began. */
async function endLeftovers(home: Home): Promise<void> {
  const ended = await stopRecorded(home);
  if (ended.length > 0) progress.line(`Stopped what an earlier start had left: ${ended.join(', ')}`);
  await removeReady(home);
}

async function stay(home: Home, stack: Stack, watch: ProcessWatch, asked: Promise<void>): Promise<void> {
  const quietly = (work: () => Promise<void>) => () =>
    void work().catch((error: unknown) => progress.line(`Notice: ${messageOf(error)}`));
  const look = setInterval(
    quietly(() => watch.look()),
    1_000,
  );
  const refresh = setInterval(
    quietly(async () => {
      if ((await readReady(home)) !== undefined)
        await replaceIdentities(home, await currentIdentities(home, stack));
    }),
    TOKEN_REFRESH_MS,
  );
  await asked;
  clearInterval(look);
  clearInterval(refresh);
}

start().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`countersign: ${messageOf(error).replaceAll('\n', ' ')}\n`);
    process.exit(1);
  },
);
