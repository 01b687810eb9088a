/** One message: type byte, length, then the parts. */
export function writeFrame(type: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 4;
  for (const part of parts) length += part.length;
  const frame = Buffer.allocUnsafe(length + 1);
  frame[0] = type;
  frame.writeUInt32BE(length, 1);
  let at = 5;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** A text as the protocol's String: UTF-8 and one NUL. Throws a RangeError for a text with a NUL in it. */
export function cString(text: string): Buffer {
  if (text.includes('\0')) throw new RangeError('a protocol string cannot hold a NUL');
  return Buffer.from(`${text}\0`, 'utf8');
}

export function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}
