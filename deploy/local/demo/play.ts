import { messageOf } from '#libs/kernel/coded-error.js';
import { startOwnStack, type OwnStack } from '../own-stack.js';
import { Narrator } from './narrator.js';
import { tellStory } from './story.js';

/** `npm run demo`: a stack of its own in a temporary folder, the story, and nothing left behind. */
async function play(): Promise<void> {
  const begun = performance.now();
  const seconds = (): string => `${((performance.now() - begun) / 1_000).toFixed(1)} s`;
  console.log('Starting a stack of its own: gateway, approvals, audit, two PostgreSQL servers …');
  let stack: OwnStack | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => reject(new Error('interrupted')));
  });
  try {
    const starting = startOwnStack().then((started) => (stack = started));
    await Promise.race([starting, interrupted]).catch(async (error: unknown) => {
      // It is coming up in a process group of its own: wait for it, so that it can be stopped.
      await starting.catch(() => undefined);
      throw error;
    });
    console.log(`It answers after ${seconds()}.`);
    await Promise.race([tellStory(await starting, new Narrator(process.stdout)), interrupted]);
    console.log(`\nAll as told, in ${seconds()}. Try it yourself: npm start`);
  } finally {
    await stack?.dispose();
  }
}

play().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`\nNot as told: ${messageOf(error)}\n`);
    process.exit(1);
  },
);
