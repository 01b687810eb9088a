import { FrameReader } from './frame-reader.js';

export function readParameterStatus(frame: Buffer): { name: string; value: string } {
  const reader = new FrameReader(frame);
  return { name: reader.string(), value: reader.string() };
}
