import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { median } from './statistics.js';

const WRITES = 200;
const BLOCK = Buffer.alloc(4096, 1);
const FILE_BYTES = 4 << 20;

/**
 * What a durable write costs where this folder is: the median of 200 writes of 4 KB, each with fdatasync,
 * over a file that is there already, in milliseconds.
 */
export function durableWriteMs(folder: string): number {
  const file = path.join(folder, 'durable-write.tmp');
  const descriptor = openSync(file, 'w+', 0o600);
  try {
    writeSync(descriptor, Buffer.alloc(FILE_BYTES), 0, FILE_BYTES, 0);
    fdatasyncSync(descriptor);
    const times: number[] = [];
    for (let index = 0; index < WRITES; index += 1) {
      const started = performance.now();
      writeSync(descriptor, BLOCK, 0, BLOCK.length, index * BLOCK.length);
      fdatasyncSync(descriptor);
      times.push(performance.now() - started);
    }
    return median(times);
  } finally {
    closeSync(descriptor);
    rmSync(file);
  }
}
