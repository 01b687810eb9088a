import type { FormatCode } from '#libs/pg-wire/parameter-values.js';
import { SYNC } from '#libs/pg-wire/bodyless-messages.js';
import { writeExecute } from '#libs/pg-wire/execute-message.js';
import { cString, int16, int32, writeFrame } from '#libs/pg-wire/frame-writer.js';
import { Frontend } from '#libs/pg-wire/message-types.js';
import { writeParse } from '#libs/pg-wire/parse-message.js';

export interface ControlQuery {
  readonly text: string;
  /** As the client declared and bound them; none for a text without parameters. */
  readonly parameterTypes?: readonly number[];
  readonly formats?: readonly FormatCode[];
  readonly parameters?: readonly (Buffer | null)[];
}

/** One command on the unnamed statement and portal, its rows in text. */
export function queryFrames({
  text,
  parameterTypes = [],
  formats = [],
  parameters = [],
}: ControlQuery): Buffer {
  const values = parameters.flatMap((value) => (value === null ? [int32(-1)] : [int32(value.length), value]));
  const bind = writeFrame(
    Frontend.Bind,
    cString(''),
    cString(''),
    int16(formats.length),
    ...formats.map((format) => int16(format)),
    int16(parameters.length),
    ...values,
    int16(0),
  );
  return Buffer.concat([writeParse('', text, parameterTypes), bind, writeExecute(''), SYNC]);
}
