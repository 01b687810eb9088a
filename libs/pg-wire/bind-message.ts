import { FrameReader } from './frame-reader.js';
import { cString, int16, int32, writeFrame } from './frame-writer.js';
import { Frontend } from './message-types.js';
import {
  readFormats,
  readParameterValues,
  type FormatCode,
  type ParameterValues,
} from './parameter-values.js';

export interface BindMessage extends ParameterValues {
  readonly portal: string;
  readonly statement: string;
  /** As sent: none, one for all, or one for each column. */
  readonly resultFormats: readonly FormatCode[];
}

export function readBind(frame: Buffer): BindMessage {
  const reader = new FrameReader(frame);
  const portal = reader.string();
  const statement = reader.string();
  const { formats, parameters } = readParameterValues(reader, 'bind message', 'parameter');
  const resultFormats = readFormats(reader);
  reader.end();
  return { portal, statement, formats, parameters, resultFormats };
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
