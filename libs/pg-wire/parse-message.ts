import { FrameReader } from './frame-reader.js';
import { cString, int16, int32, writeFrame } from './frame-writer.js';
import { Frontend } from './message-types.js';

export interface ParseMessage {
  readonly name: string;
  readonly text: Buffer;
  /** Oids as declared; 0 or absent leaves a type to the server. */
  readonly parameterTypes: readonly number[];
}

export function readParse(frame: Buffer): ParseMessage {
  const reader = new FrameReader(frame);
  const name = reader.string();
  const text = reader.stringBytes();
  const count = reader.uint16();
  const parameterTypes: number[] = [];
  for (let index = 0; index < count; index += 1) parameterTypes.push(reader.uint32());
  reader.end();
  return { name, text, parameterTypes };
}

export const writeParse = (name: string, text: string, parameterTypes: readonly number[] = []): Buffer =>
  writeFrame(
    Frontend.Parse,
    cString(name),
    cString(text),
    int16(parameterTypes.length),
    ...parameterTypes.map((oid) => int32(oid | 0)),
  );
