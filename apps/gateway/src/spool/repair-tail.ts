import { messageOf, CodedError } from '#libs/kernel/coded-error.js';
import type { TailRepair } from './read-spool.js';
import type { SpoolFiles } from './spool-files.js';

/**
 * Makes the end of the last segment what was read from it. An unfinished write becomes zeros again. The
 * last whole group is written once more: where its sync failed and the process died of it, the kernel may
 * show bytes that never reached the disk. Both may be repeated after a crash in the middle.
 */
export async function repairTail(files: SpoolFiles, repair: TailRepair): Promise<void> {
  const { segment, lastGroup, tornBytes } = repair;
  const descriptor = await files.openForAppend(segment.file);
  try {
    if (tornBytes > 0) await writeDurably(files, descriptor, Buffer.alloc(tornBytes), segment.end);
    await writeDurably(files, descriptor, lastGroup.bytes, lastGroup.offset);
  } catch (error) {
    throw new CodedError('SPOOL_BROKEN', `cannot repair ${segment.file}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    await files.close(descriptor);
  }
}

const writeDurably = (files: SpoolFiles, descriptor: number, bytes: Buffer, position: number) =>
  new Promise<void>((resolve, reject) =>
    files.writeDurably(descriptor, bytes, bytes.length, position, (error) =>
      error === null ? resolve() : reject(error),
    ),
  );
