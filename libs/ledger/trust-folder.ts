import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, hasCode } from '#libs/kernel/coded-error.js';
import { openCheckpoint, type Checkpoint } from '#libs/tlog/checkpoint.js';
import { formatVkey, parseVkey, type NoteVerifier } from '#libs/tlog/vkey.js';

/**
 * What a verifier trusts, kept outside the database: `ledger-keys` lists the logs' verifier keys, one a
 * line, and `checkpoints/<chain>.note` holds the last signed checkpoint of each chain.
 */
export interface TrustFolder {
  readonly logs: readonly NoteVerifier[];
  /** By file name without `.note`. */
  readonly notes: ReadonlyMap<string, Buffer>;
}

const KEYS_FILE = 'ledger-keys';
const CHECKPOINTS = 'checkpoints';

/** The name of a chain's note: `statements/0` is kept in `statements-0.note`. */
export const noteName = (chain: string): string => chain.replaceAll('/', '-');

/** Reads the folder; what does not exist is empty. Throws TRUST_INVALID for a line that is no key. */
export async function readTrustFolder(folder: string): Promise<TrustFolder> {
  const logs = parseKeys(await readIfThere(path.join(folder, KEYS_FILE)), folder);
  const checkpoints = path.join(folder, CHECKPOINTS);
  const names = await readdir(checkpoints).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  const notes = new Map<string, Buffer>();
  for (const name of names.filter((file) => file.endsWith('.note')).sort())
    notes.set(name.slice(0, -'.note'.length), await readFile(path.join(checkpoints, name)));
  return { logs, notes };
}

function parseKeys(text: Buffer | undefined, folder: string): NoteVerifier[] {
  const lines = (text?.toString('utf8') ?? '').split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const verifier = parseVkey(line);
      if (verifier === undefined)
        throw new CodedError(
          'TRUST_INVALID',
          `${path.join(folder, KEYS_FILE)}: not a verifier key: ${line.slice(0, 80)}`,
        );
      return verifier;
    });
}

/**
 * Adds logs to the list. Throws TRUST_KEY_DIFFERS when the list names another key for one of them: a key
 * changes by an operator's hand, never because a service was started with another one.
 */
export async function trustLogs(folder: string, logs: readonly NoteVerifier[]): Promise<void> {
  await mkdir(path.join(folder, CHECKPOINTS), { recursive: true, mode: 0o700 });
  await locked(path.join(folder, KEYS_FILE), async () => {
    const known = parseKeys(await readIfThere(path.join(folder, KEYS_FILE)), folder);
    const lines = known.map(formatVkey);
    for (const log of logs) {
      const before = known.find((other) => other.name === log.name);
      if (before === undefined) lines.push(formatVkey(log));
      else if (formatVkey(before) !== formatVkey(log))
        throw new CodedError(
          'TRUST_KEY_DIFFERS',
          `${path.join(folder, KEYS_FILE)} names another key for ${log.name}: start with that key, or replace the line if the key was changed on purpose`,
        );
    }
    if (lines.length > known.length)
      await replaceFile(path.join(folder, KEYS_FILE), Buffer.from(`${lines.join('\n')}\n`));
  });
}

export type Pinned = { stored: true } | { stored: false; pinned: Checkpoint };

/**
 * Keeps a signed checkpoint as the chain's last one, by compare-and-swap: never over a larger one, nor
 * over one of the same size with another root. Durable when it resolves. One process at a time for each
 * chain; several take turns.
 */
export async function pinCheckpoint(
  folder: string,
  chain: string,
  log: NoteVerifier,
  note: Buffer,
  checkpoint: Checkpoint,
): Promise<Pinned> {
  const file = path.join(folder, CHECKPOINTS, `${noteName(chain)}.note`);
  return locked(file, async () => {
    const current = await readIfThere(file);
    if (current !== undefined) {
      const opened = openCheckpoint(current, log);
      if (!opened.ok) throw new CodedError('TRUST_INVALID', `${file}: ${opened.problem}`);
      const pinned = opened.checkpoint;
      const same = pinned.size === checkpoint.size && pinned.root.equals(checkpoint.root);
      if (pinned.size >= checkpoint.size && !same) return { stored: false, pinned };
      if (same) return { stored: true };
    }
    await replaceFile(file, note);
    return { stored: true };
  });
}

const readIfThere = (file: string): Promise<Buffer | undefined> =>
  readFile(file).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });

/** Whole or not at all, and durable: written beside, flushed, renamed, the folder flushed. */
async function replaceFile(file: string, bytes: Buffer): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  const handle = await open(temporary, 'w', 0o644);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const folder = await open(path.dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A lock left behind by a process that died is older than any holder needs. */
const STALE_LOCK_MS = 10_000;

async function locked<T>(file: string, work: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`;
  for (;;) {
    try {
      await (await open(lock, 'wx', 0o600)).close();
      break;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      const age = await stat(lock).then(
        ({ mtimeMs }) => Date.now() - mtimeMs,
        () => 0,
      );
      if (age > STALE_LOCK_MS) await removeIfThere(lock);
      else await sleep(20);
    }
  }
  try {
    return await work();
  } finally {
    await removeIfThere(lock);
  }
}

const removeIfThere = (file: string): Promise<void> =>
  unlink(file).catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error;
  });
