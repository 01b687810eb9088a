import * as fs from 'node:fs';
import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { hasCode } from '#libs/kernel/coded-error.js';
import { SEGMENT_HEADER_BYTES } from './spool-layout.js';

/** The file system as the spool uses it: one seam, so that tests can make any step fail. */
export interface SpoolFiles {
  /** Makes the folder (0700) where it is absent; durable when it resolves. */
  makeFolder(folder: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  readAll(file: string): Promise<Buffer>;
  /** Makes a segment of `bytes` zeros behind its header; durable, name included, when it resolves. */
  createSegment(file: string, header: Buffer, bytes: number): Promise<void>;
  /** A descriptor for writeDurably. */
  openForAppend(file: string): Promise<number>;
  openForRead(file: string): Promise<number>;
  /** Reads up to the buffer's length at `position`; returns the number of bytes. */
  read(descriptor: number, buffer: Buffer, position: number): Promise<number>;
  /**
   * Calls `done` without an error once the first `length` bytes of the buffer are on the disk. After an
   * error it is not known whether they are: it must not be tried again, because a kernel forgets a write
   * error once it has told it.
   */
  writeDurably(
    descriptor: number,
    buffer: Buffer,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void;
  close(descriptor: number): Promise<void>;
  /** Durable when it resolves. */
  remove(file: string): Promise<void>;
}

/**
 * On Linux one O_DSYNC write does what write and fdatasync do, in one trip to the thread pool instead of
 * two. Elsewhere its meaning varies, so there the two calls are made.
 */
const SYNCED_BY_WRITE = process.platform === 'linux' ? fs.constants.O_DSYNC : 0;

/** Preallocation goes to the disk in pieces, so that it does not hold up a group's sync for long. */
const PIECE = Buffer.alloc(1 << 20);

const openDescriptor = promisify(fs.open);
const readDescriptor = promisify(fs.read);

export const nodeFiles: SpoolFiles = {
  async makeFolder(folder) {
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncFolder(path.dirname(made));
  },

  list: (folder) => readdir(folder),
  readAll: (file) => readFile(file),

  async createSegment(file, header, bytes) {
    const temporary = `${file}.tmp`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.write(header, 0, header.length, 0);
      for (let at = SEGMENT_HEADER_BYTES; at < bytes;) {
        const length = Math.min(PIECE.length, bytes - at);
        at += (await handle.write(PIECE, 0, length, at)).bytesWritten;
        await handle.datasync();
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(path.dirname(file));
  },

  openForAppend: (file) => openDescriptor(file, fs.constants.O_RDWR | SYNCED_BY_WRITE),
  openForRead: (file) => openDescriptor(file, fs.constants.O_RDONLY),

  async read(descriptor, buffer, position) {
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await readDescriptor(
        descriptor,
        buffer,
        filled,
        buffer.length - filled,
        position + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  },

  writeDurably(descriptor, buffer, length, position, done) {
    writeRest(descriptor, buffer, 0, length, position, (error) => {
      if (error !== null || SYNCED_BY_WRITE !== 0) done(error);
      else fs.fdatasync(descriptor, done);
    });
  },

  close: promisify(fs.close),

  async remove(file) {
    await unlink(file).catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) throw error;
    });
    await syncFolder(path.dirname(file));
  },
};

function writeRest(
  descriptor: number,
  buffer: Buffer,
  from: number,
  length: number,
  position: number,
  done: (error: Error | null) => void,
): void {
  fs.write(descriptor, buffer, from, length - from, position + from, (error, written) => {
    if (error !== null || from + written >= length) done(error);
    else writeRest(descriptor, buffer, from + written, length, position, done);
  });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
