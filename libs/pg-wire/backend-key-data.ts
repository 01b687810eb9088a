import { FrameReader } from './frame-reader.js';
import { int32, writeFrame } from './frame-writer.js';
import { Backend } from './message-types.js';

export interface BackendKey {
  readonly pid: number;
  readonly secret: Buffer;
}

export function readBackendKeyData(frame: Buffer): BackendKey {
  const reader = new FrameReader(frame);
  const pid = reader.uint32();
  const secret = Buffer.alloc(reader.remaining);
  // Kept as long as its session: a slice of a shared pool would keep all of the pool.
  reader.bytes(reader.remaining).copy(secret);
  return { pid, secret };
}

export const writeBackendKeyData = (key: BackendKey): Buffer =>
  writeFrame(Backend.BackendKeyData, int32(key.pid | 0), key.secret);
