import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { openSpool } from './open-spool.js';
import { optionsFor, RememberingLog, temporaryFolder, type LoggedEvent } from './temporary-spool.js';

/** How often the process is killed; the long form sets it higher. */
const ROUNDS = Number(process.env['COUNTERSIGN_SPOOL_KILLS'] ?? 10);
const PROGRAM = path.resolve('dist/test/faults/spool-appender.js');

let folder: string;
let dispose: () => Promise<void>;
const children = new Set<ChildProcess>();

beforeEach(async () => {
  ({ folder, dispose } = await temporaryFolder());
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await dispose();
});

/** Starts the appender; `lines` grows with what it reports, whole lines only. */
async function start(...more: string[]) {
  const child = spawn(process.execPath, [PROGRAM, folder, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let text = '';
  let problems = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (problems += chunk));
  const closed = once(child, 'close').then(() => children.delete(child));
  const opened = (async () => {
    for (const end = Date.now() + 20_000; !text.startsWith('open\n');) {
      if (child.exitCode !== null || Date.now() > end)
        throw new Error(`the appender did not open: ${problems}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  await opened;
  return {
    pid: child.pid,
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
      return text.slice(0, text.lastIndexOf('\n')).split('\n').slice(1);
    },
  };
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('a gateway killed with -9', () => {
  it(
    'finds all that was called back as durable, gapless, each intent and session with exactly one end',
    async () => {
      const reported: string[] = [];
      const log = new RememberingLog();
      for (let round = 0; round < ROUNDS; round += 1) {
        const child = await start();
        await pause(5 + ((round * 37) % 150));
        const lines = await child.kill();
        reported.push(...lines.flatMap((line) => line.split(' ')).filter((id) => id !== ''));
        // Every other time the next appender recovers; then its own recovery is what is killed with it.
        if (round % 2 === 1 && round < ROUNDS - 1) continue;
        const { spool } = await openSpool(optionsFor(folder, log));
        await spool.close(20_000);
        expect(spool.state().undrainedRecords).toBe(0);
      }
      expect(reported.length).toBeGreaterThan(ROUNDS);
      expectWhole(log.events(), reported);
    },
    60_000 + ROUNDS * 3_000,
  );

  it('lets go of the spool, which nobody else could open before', async () => {
    const child = await start('hold');
    const log = new RememberingLog();
    await expect(openSpool(optionsFor(folder, log))).rejects.toMatchObject({
      code: 'SPOOL_LOCKED',
      message: `the spool in ${folder} is in use by another process`,
    });
    await child.kill();
    const { spool } = await openSpool(optionsFor(folder, log));
    await spool.close(0);
  });
});

function expectWhole(events: readonly LoggedEvent[], reported: readonly string[]): void {
  const ids = new Set(events.map(({ id }) => id));
  expect(reported.filter((id) => !ids.has(id))).toEqual([]);
  expect(ids.size).toBe(events.length);

  const next = new Map<string, number>();
  for (const { topic, partition, producerSeq } of events) {
    const place = `${topic}/${partition}`;
    expect([place, producerSeq]).toEqual([place, next.get(place) ?? 0]);
    next.set(place, producerSeq + 1);
  }

  const of = (type: string) => events.filter((event) => event.type === type);
  const once = (begun: unknown[], ended: unknown[]) => expect([...ended].sort()).toEqual([...begun].sort());
  once(
    of('statement.intent-recorded').map(({ id }) => id),
    of('statement.outcome-recorded').map((event) => event['intentId']),
  );
  once(
    of('review.asked').map((event) => event['intentId']),
    of('review.concluded').map((event) => event['intentId']),
  );
  once(
    of('session.opened').map(({ sessionId }) => sessionId),
    of('session.closed').map(({ sessionId }) => sessionId),
  );
}
