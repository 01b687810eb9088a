import type { FormatCode } from './bind-message.js';
import { FrameReader } from './frame-reader.js';
import { int16, int32, writeFrame } from './frame-writer.js';
import { Frontend } from './message-types.js';
import { ProtocolViolation } from './protocol-violation.js';

export interface FunctionCallMessage {
  readonly oid: number;
  /** One for each argument: the shorthand of none or one code for all is resolved. */
  readonly formats: readonly FormatCode[];
  /** null is SQL NULL. */
  readonly parameters: readonly (Buffer | null)[];
  readonly resultFormat: FormatCode;
}

export function readFunctionCall(frame: Buffer): FunctionCallMessage {
  const reader = new FrameReader(frame);
  const format = (): FormatCode => {
    const code = reader.uint16();
    if (code > 1) throw new ProtocolViolation(`unsupported format code: ${code}`);
    return code as FormatCode;
  };
  const oid = reader.uint32();
  const codes: FormatCode[] = [];
  for (let left = reader.uint16(); left > 0; left -= 1) codes.push(format());
  const count = reader.uint16();
  if (codes.length > 1 && codes.length !== count)
    throw new ProtocolViolation(`function call has ${codes.length} argument formats but ${count} arguments`);
  const parameters: (Buffer | null)[] = [];
  const formats: FormatCode[] = [];
  for (let index = 0; index < count; index += 1) {
    const length = reader.int32();
    parameters.push(length === -1 ? null : reader.bytes(length));
    formats.push((codes.length === 1 ? codes[0] : codes[index]) ?? 0);
  }
  const resultFormat = format();
  reader.end();
  return { oid, formats, parameters, resultFormat };
}

/** A call with arguments and result in one format. */
export const writeFunctionCall = (
  oid: number,
  parameters: readonly (Buffer | null)[],
  format: FormatCode = 1,
): Buffer =>
  writeFrame(
    Frontend.FunctionCall,
    int32(oid | 0),
    int16(1),
    int16(format),
    int16(parameters.length),
    ...parameters.flatMap((bytes) => (bytes === null ? [int32(-1)] : [int32(bytes.length), bytes])),
    int16(format),
  );
