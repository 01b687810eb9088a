import { open, readFile, stat, unlink, type FileHandle } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import path from 'node:path';
import { CodedError, hasCode } from '#libs/kernel/coded-error.js';
import { sha256Hex } from '#libs/kernel/hash.js';

export interface SpoolLock {
  release(): Promise<void>;
}

/**
 * One process a spool. On Linux two sockets hold the lock, and the kernel lets go of both when the
 * process dies, kill -9 included: an abstract one named by the folder's device and inode (no race,
 * but seen only in its own network namespace), and one in the folder (seen by every container of the
 * kernel that has the folder mounted; what a dead owner left behind is recognised by its refusal and
 * replaced). Elsewhere a file with the process id, which a reused id can keep shut.
 *
 * Not covered: two machines on one network file system, and two containers that start within the same
 * milliseconds on a folder whose owner died. Keep a spool on a disk of its own.
 *
 * Throws SPOOL_LOCKED when another process holds the folder.
 */
export async function lockSpool(folder: string): Promise<SpoolLock> {
  if (process.platform !== 'linux') return lockByProcessId(folder);
  const { dev, ino } = await stat(folder, { bigint: true });
  const abstract = await listen(
    `\0countersign-spool-${sha256Hex(Buffer.from(`${dev}:${ino}`)).slice(0, 40)}`,
  );
  if (abstract === undefined) throw locked(folder);
  try {
    const inFolder = await lockInFolder(folder);
    return {
      release: async () => {
        await inFolder?.release();
        await closeServer(abstract);
      },
    };
  } catch (error) {
    await closeServer(abstract);
    throw error;
  }
}

const locked = (folder: string): CodedError =>
  new CodedError('SPOOL_LOCKED', `the spool in ${folder} is in use by another process`);

/** The socket in the folder; undefined on a file system that has none. */
async function lockInFolder(folder: string): Promise<SpoolLock | undefined> {
  const handle = await open(folder, 'r');
  // The path of a socket has at most 107 bytes: this one is short, whatever the folder's.
  const socket = `/proc/self/fd/${handle.fd}/lock`;
  try {
    const server = (await listen(socket)) ?? (await replaceDead(socket, folder));
    return {
      release: async () => {
        await closeServer(server);
        await handle.close();
      },
    };
  } catch (error) {
    await handle.close();
    if (['EPERM', 'EACCES', 'EOPNOTSUPP', 'ENOTSUP', 'EINVAL'].some((code) => hasCode(error, code)))
      return undefined;
    throw error;
  }
}

async function replaceDead(socket: string, folder: string): Promise<Server> {
  if (await answers(socket)) throw locked(folder);
  await unlink(socket);
  const server = await listen(socket);
  if (server === undefined) throw locked(folder);
  return server;
}

/** A server that listens there; undefined when the name is taken. It does not keep the process alive. */
function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (error) => (hasCode(error, 'EADDRINUSE') ? resolve(undefined) : reject(error)));
    server.listen({ path: name }, () => resolve(server.unref()));
  });
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection({ path: socket });
    const end = (alive: boolean) => {
      connection.destroy();
      resolve(alive);
    };
    connection.once('connect', () => end(true));
    // Anything but a refusal (a full backlog, missing rights) may be a living owner.
    connection.once('error', (error) => end(!hasCode(error, 'ECONNREFUSED')));
  });
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));

async function lockByProcessId(folder: string): Promise<SpoolLock> {
  const file = path.join(folder, 'lock.pid');
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const handle = await createExclusively(file);
    if (handle !== undefined) {
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return { release: () => unlink(file) };
    }
    if (isAlive(Number((await readFile(file, 'utf8')).trim()))) throw locked(folder);
    await unlink(file);
  }
  throw locked(folder);
}

async function createExclusively(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'wx', 0o600);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}
