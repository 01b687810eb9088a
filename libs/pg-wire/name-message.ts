import { FrameReader } from './frame-reader.js';
import { cString, writeFrame } from './frame-writer.js';
import { ProtocolViolation } from './protocol-violation.js';

/** Describe and Close: which kind of thing, and its name. */
export interface NameMessage {
  readonly of: 'statement' | 'portal';
  readonly name: string;
}

export function readName(frame: Buffer): NameMessage {
  const reader = new FrameReader(frame);
  const kind = String.fromCharCode(reader.byte());
  if (kind !== 'S' && kind !== 'P')
    throw new ProtocolViolation('a Describe or Close of neither statement nor portal');
  const name = reader.string();
  reader.end();
  return { of: kind === 'S' ? 'statement' : 'portal', name };
}

export const writeName = (type: number, message: NameMessage): Buffer =>
  writeFrame(type, Buffer.from(message.of === 'statement' ? 'S' : 'P'), cString(message.name));
