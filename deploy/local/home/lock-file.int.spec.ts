import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock, withLock } from './lock-file.js';
import { identityOf, isRunning } from './process-identity.js';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'countersign-lock-'));
  file = path.join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true }));

describe('a lock file', () => {
  it('is held by one, who is named to the next', async () => {
    const held = await tryLock(file);
    const second = await tryLock(file);
    expect(second).toMatchObject({ heldBy: { pid: process.pid } });
    if (!('release' in held)) throw new Error('the first lock was not given');
    await held.release();
    expect(await tryLock(file)).toHaveProperty('release');
  });

  it('is taken over from a process that was killed, and leaves nothing behind', async () => {
    const child = spawn('sleep', ['60']);
    const identity = await identityOf(child.pid as number);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await writeFile(file, JSON.stringify({ ...identity, claim: 'theirs' }));
    expect(await tryLock(file)).toHaveProperty('release');
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('is not taken from a living process, but is from another one with its number', async () => {
    const own = await identityOf(process.pid);
    await writeFile(file, JSON.stringify({ ...own, claim: 'ours' }));
    expect(await tryLock(file)).toHaveProperty('heldBy');
    await writeFile(file, JSON.stringify({ pid: process.pid, started: 'long ago', claim: 'older' }));
    expect(await tryLock(file)).toHaveProperty('release');
  });

  it('lets one at a time through', async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 12 }, () =>
        withLock(file, async () => {
          inside += 1;
          most = Math.max(most, inside);
          await sleep(2);
          inside -= 1;
        }),
      ),
    );
    expect(most).toBe(1);
  });
});

describe('a process identity', () => {
  it('is running until the process ends, and never again', async () => {
    const child = spawn('sleep', ['60']);
    const identity = await identityOf(child.pid as number);
    if (identity === undefined) throw new Error('no identity of a living process');
    expect(await isRunning(identity)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await isRunning(identity)).toBe(false);
  });
});
