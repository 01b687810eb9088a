import { writeUuid } from '#libs/kernel/uuid.js';

// One-dimensional arrays in PostgreSQL's binary format (array_recv). A Buffer travels binary as a
// parameter, so that neither side formats or parses text. null stands for NULL.

const OID = { bytea: 17, int8: 20, int4: 23, text: 25, uuid: 2950 } as const;

/** ndim, flags, element type, length, lower bound: 32 bits each; the last two only where there are elements. */
const HEADER_BYTES = 20;
const EMPTY_HEADER_BYTES = 12;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;

type Write<T> = (value: T, target: Buffer, at: number) => void;

export const byteaArray = (values: readonly (Buffer | null)[]): Buffer =>
  encode(
    OID.bytea,
    values,
    (value) => value.length,
    (value, target, at) => target.set(value, at),
  );

/** Texts without NUL. A lone surrogate becomes U+FFFD. */
export const utf8Array = (values: readonly (string | null)[]): Buffer =>
  encode(
    OID.text,
    values,
    (value) => Buffer.byteLength(value),
    (value, target, at) => target.write(value, at),
  );

export const int8Array = (values: readonly (bigint | null)[]): Buffer =>
  encode(
    OID.int8,
    values,
    () => 8,
    (value, target, at) => target.writeBigInt64BE(value, at),
  );

export const int4Array = (values: readonly (number | null)[]): Buffer =>
  encode(
    OID.int4,
    values,
    () => 4,
    (value, target, at) => target.writeInt32BE(value, at),
  );

/** UUIDs as texts in lower case; throws a RangeError for anything else. */
export const uuidArray = (values: readonly (string | null)[]): Buffer =>
  encode(
    OID.uuid,
    values,
    () => 16,
    (value, target, at) => writeUuid(value, target, at),
  );

function encode<T>(
  oid: number,
  values: readonly (T | null)[],
  width: (value: T) => number,
  write: Write<T>,
): Buffer {
  if (values.length === 0) {
    const empty = Buffer.alloc(EMPTY_HEADER_BYTES);
    empty.writeInt32BE(oid, 8);
    return empty;
  }
  let size = HEADER_BYTES;
  for (const value of values) size += LENGTH_BYTES + (value === null ? 0 : width(value));
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  bytes.writeInt32BE(oid, 8);
  bytes.writeInt32BE(values.length, 12);
  bytes.writeInt32BE(1, 16);
  let at = HEADER_BYTES;
  for (const value of values) {
    if (value === null) {
      at = bytes.writeInt32BE(NULL_LENGTH, at);
      continue;
    }
    const length = width(value);
    at = bytes.writeInt32BE(length, at);
    write(value, bytes, at);
    at += length;
  }
  return bytes;
}
