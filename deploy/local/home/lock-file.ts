import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, hasCode } from '#libs/kernel/coded-error.js';
import { identityOf, isRunning, type ProcessIdentity } from './process-identity.js';

export interface HeldLock {
  release(): Promise<void>;
}

/**
 * Takes the lock file for this process, or says who holds it. A lock whose holder no longer lives is
 * taken over: kill -9 leaves nothing to clean up by hand.
 */
export async function tryLock(file: string): Promise<HeldLock | { heldBy: ProcessIdentity }> {
  const own = await identityOf(process.pid);
  if (own === undefined) throw new CodedError('NO_PROCESS_TABLE', 'the process table cannot be read');
  const claim = `${file}.${randomUUID()}`;
  await writeFile(claim, JSON.stringify({ ...own, claim }), { mode: 0o600, flag: 'wx' });
  try {
    for (;;) {
      try {
        // link(2) fails when the name exists: the file appears complete, with its holder in it.
        await link(claim, file);
        return { release: () => unlink(file) };
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
      }
      const holder = await holderOf(file);
      if (holder === undefined) continue;
      if (await isRunning(holder)) return { heldBy: holder };
      await setAside(file, holder);
    }
  } finally {
    await unlink(claim);
  }
}

/** Runs `work` while holding the lock; waits up to 10 s for it. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const lock = await tryLock(file);
    if ('release' in lock) {
      try {
        return await work();
      } finally {
        await lock.release();
      }
    }
    if (performance.now() > deadline)
      throw new CodedError('LOCK_HELD', `${file} has been held by process ${lock.heldBy.pid} for 10 s`);
    await sleep(10);
  }
}

interface Holder extends ProcessIdentity {
  readonly claim: string;
}

async function holderOf(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Moves a dead holder's lock away. If another was faster and the file is a living lock by now, puts it back. */
async function setAside(file: string, dead: Holder): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = await holderOf(aside);
  if (moved !== undefined && moved.claim !== dead.claim) await link(aside, file);
  await unlink(aside);
}
