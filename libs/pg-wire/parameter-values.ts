import type { FrameReader } from './frame-reader.js';
import { ProtocolViolation } from './protocol-violation.js';

export type FormatCode = 0 | 1;

/** What Bind and FunctionCall carry alike. */
export interface ParameterValues {
  /** One for each value: the shorthand of none or one code for all is resolved. */
  readonly formats: readonly FormatCode[];
  /** null is SQL NULL. */
  readonly parameters: readonly (Buffer | null)[];
}

/** Format codes, then values. `message` and `what` are for the error. */
export function readParameterValues(reader: FrameReader, message: string, what: string): ParameterValues {
  const codes = readFormats(reader);
  const count = reader.uint16();
  if (codes.length > 1 && codes.length !== count)
    throw new ProtocolViolation(`${message} has ${codes.length} ${what} formats but ${count} ${what}s`);
  const parameters: (Buffer | null)[] = [];
  const formats: FormatCode[] = [];
  for (let index = 0; index < count; index += 1) {
    const length = reader.int32();
    parameters.push(length === -1 ? null : reader.bytes(length));
    formats.push((codes.length === 1 ? codes[0] : codes[index]) ?? 0);
  }
  return { formats, parameters };
}

export function readFormats(reader: FrameReader): FormatCode[] {
  const formats: FormatCode[] = [];
  for (let left = reader.uint16(); left > 0; left -= 1) formats.push(readFormat(reader));
  return formats;
}

export function readFormat(reader: FrameReader): FormatCode {
  const code = reader.uint16();
  if (code > 1) throw new ProtocolViolation(`unsupported format code: ${code}`);
  return code as FormatCode;
}
