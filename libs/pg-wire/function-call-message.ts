import { FrameReader } from './frame-reader.js';
import { int16, int32, writeFrame } from './frame-writer.js';
import { Frontend } from './message-types.js';
import {
  readFormat,
  readParameterValues,
  type FormatCode,
  type ParameterValues,
} from './parameter-values.js';

export interface FunctionCallMessage extends ParameterValues {
  readonly oid: number;
  readonly resultFormat: FormatCode;
}

export function readFunctionCall(frame: Buffer): FunctionCallMessage {
  const reader = new FrameReader(frame);
  const oid = reader.uint32();
  const { formats, parameters } = readParameterValues(reader, 'function call', 'argument');
  const resultFormat = readFormat(reader);
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
