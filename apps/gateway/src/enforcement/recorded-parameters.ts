import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import type { parameterSchema } from '#libs/contracts/events/statement-events.js';
import { BytesWriter } from '#libs/kernel/bytes-writer.js';
import { sha256Hex } from '#libs/kernel/hash.js';

export type RecordedParameter = z.output<typeof parameterSchema>;

/** A longer value stands as its SHA-256. */
export const MAX_PARAMETER_BYTES = 4_096;
/** All values of one intent together; the rest stand as their SHA-256. An event must fit a record. */
export const MAX_PARAMETERS_BYTES = 65_536;
/** PostgreSQL takes 65,535. Those beyond this many stand together as one last entry with their SHA-256. */
export const MAX_PARAMETERS = 2_000;

/** The parameters of an Execute for its intent. */
export function recordParameters(
  values: readonly (Buffer | null)[],
  formats: readonly (0 | 1)[],
  types: readonly number[],
): RecordedParameter[] {
  let room = MAX_PARAMETERS_BYTES;
  const recorded: RecordedParameter[] = [];
  for (let index = 0; index < values.length && index < MAX_PARAMETERS; index += 1) {
    const type = types[index] ?? 0;
    const format = formats[index] ?? 0;
    const value = values[index] as Buffer | null;
    if (value === null) {
      recorded.push({ type, format, bytes: 0, value: null });
      continue;
    }
    const bytes = value.length;
    if (bytes <= MAX_PARAMETER_BYTES && bytes <= room && (format === 1 || isUtf8(value))) {
      room -= bytes;
      recorded.push({ type, format, bytes, value: value.toString(format === 1 ? 'base64' : 'utf8') });
    } else recorded.push({ type, format, bytes, sha256: sha256Hex(value) });
  }
  if (values.length > MAX_PARAMETERS) recorded.push(commitTo(values.slice(MAX_PARAMETERS)));
  return recorded;
}

function commitTo(values: readonly (Buffer | null)[]): RecordedParameter {
  const writer = new BytesWriter();
  writer.list(values, (value) => writer.optional(value, (bytes) => writer.bytes32(bytes)));
  const bytes = writer.bytes();
  return { type: 0, format: 1, bytes: bytes.length, sha256: sha256Hex(bytes) };
}
