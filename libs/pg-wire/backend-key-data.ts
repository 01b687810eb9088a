import { FrameReader } from './frame-reader.js';
import { int32, writeFrame } from './frame-writer.js';
import { Backend } from './message-types.js';

export interface BackendKey {
  readonly pid: number;
  readonly secret: Buffer;
}

export function readBackendKeyData(frame: Buffer): BackendKey {
  const reader = new FrameReader(frame);
  return { pid: reader.uint32(), secret: Buffer.from(reader.bytes(reader.remaining)) };
}

export const writeBackendKeyData = (key: BackendKey): Buffer =>
  writeFrame(Backend.BackendKeyData, int32(key.pid | 0), key.secret);
