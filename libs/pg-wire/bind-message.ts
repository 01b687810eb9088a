import { FrameReader } from './frame-reader.js';
import { cString, int16, int32, writeFrame } from './frame-writer.js';
import { Frontend } from './message-types.js';
import { ProtocolViolation } from './protocol-violation.js';

export type FormatCode = 0 | 1;

export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  /** One for each parameter: the shorthand of none or one code for all is resolved. */
  readonly formats: readonly FormatCode[];
  /** null is SQL NULL. */
  readonly parameters: readonly (Buffer | null)[];
  /** As sent: none, one for all, or one for each column. */
  readonly resultFormats: readonly FormatCode[];
}

export function readBind(frame: Buffer): BindMessage {
  const reader = new FrameReader(frame);
  const portal = reader.string();
  const statement = reader.string();
  const codes = readFormats(reader);
  const count = reader.uint16();
  if (codes.length > 1 && codes.length !== count)
    throw new ProtocolViolation(`bind message has ${codes.length} parameter formats but ${count} parameters`);
  const parameters: (Buffer | null)[] = [];
  const formats: FormatCode[] = [];
  for (let index = 0; index < count; index += 1) {
    const length = reader.int32();
    parameters.push(length === -1 ? null : reader.bytes(length));
    formats.push((codes.length === 1 ? codes[0] : codes[index]) ?? 0);
  }
  const resultFormats = readFormats(reader);
  reader.end();
  return { portal, statement, formats, parameters, resultFormats };
}

function readFormats(reader: FrameReader): FormatCode[] {
  const count = reader.uint16();
  const formats: FormatCode[] = [];
  for (let index = 0; index < count; index += 1) {
    const format = reader.uint16();
    if (format > 1) throw new ProtocolViolation(`unsupported format code: ${format}`);
    formats.push(format as FormatCode);
  }
  return formats;
}

/** A Bind of parameters and results in text. */
export const writeTextBind = (portal: string, statement: string, parameters: readonly string[]): Buffer =>
  writeFrame(
    Frontend.Bind,
    cString(portal),
    cString(statement),
    int16(0),
    int16(parameters.length),
    ...parameters.flatMap((text) => {
      const bytes = Buffer.from(text, 'utf8');
      return [int32(bytes.length), bytes];
    }),
    int16(0),
  );
