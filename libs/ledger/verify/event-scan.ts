/** Where the envelope's values stand in the bytes of an event; -1 where one is absent. */
export const FIELDS = [
  'id',
  'type',
  'schemaVersion',
  'time',
  'tenant',
  'producer',
  'producerSeq',
  'requestId',
  'sessionId',
  'identity',
] as const;

const NAMES = FIELDS.map((name) => Buffer.from(name));

/** By the length of a name, which fields may have it. */
const BY_LENGTH: readonly (readonly number[])[] = Array.from({ length: 14 }, (_, length) =>
  FIELDS.flatMap((name, index) => (name.length === length ? [index] : [])),
);

// Characters are written as numbers in the loops below: they run for every byte of every payload.

/**
 * Finds the envelope's values at the top of a JSON object, in place, without making anything: parsing all of
 * it would cost as much as hashing it. Takes only the plain form that JSON.stringify writes.
 */
export class EventScan {
  /** First byte of each value, and the byte behind it; quotes of strings are left out. */
  readonly starts = new Int32Array(FIELDS.length);
  readonly ends = new Int32Array(FIELDS.length);

  private words: Int32Array = new Int32Array(0);

  /** False when the bytes are not in the plain form; then nothing is said about them. */
  scan(bytes: Buffer, begin: number, end: number): boolean {
    const { starts, ends } = this;
    if (this.words.buffer !== bytes.buffer)
      this.words = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >> 2);
    const { words } = this;
    starts.fill(-1);
    if (bytes[begin] !== 0x7b /* { */ || bytes[end - 1] !== 0x7d /* } */) return false;
    for (let at = begin + 1; at < end; at += 1) {
      if (bytes[at] !== 0x22 /* " */) return false;
      const name = at + 1;
      at = endOfString(bytes, words, name, end);
      if (at === -1 || bytes[at + 1] !== 0x3a /* : */) return false;
      const field = fieldNamed(bytes, name, at);
      if (field === -2) return false;
      at += 2;
      let from = at;
      let to: number;
      const first = bytes[at];
      if (first === 0x22 /* " */) {
        from += 1;
        to = endOfString(bytes, words, from, end);
        if (to === -1) return false;
        at = to + 1;
      } else if (first === 0x7b /* { */ || first === 0x5b /* [ */) {
        at = endOfNested(bytes, words, at, end);
        if (at === -1) return false;
        to = at;
      } else {
        while (at < end && bytes[at] !== 0x2c /* , */ && bytes[at] !== 0x7d /* } */) at += 1;
        to = at;
      }
      if (field >= 0) {
        starts[field] = from;
        ends[field] = to;
      }
      if (bytes[at] === 0x7d /* } */) return at === end - 1;
      if (bytes[at] !== 0x2c /* , */) return false;
    }
    return false;
  }
}

/** Four times the same byte. */
const [QUOTES, ESCAPES] = [0x22222222, 0x5c5c5c5c];

/** Whether one of the four bytes is 0; some say so falsely, none falsely not. */
const hasZero = (word: number): number => (word - 0x01010101) & ~word & 0x80808080;

/**
 * The index of the closing quote; -1 when there is none. Goes four bytes at a time while neither a quote nor
 * an escape is among them; `words` are those of the memory the bytes stand in.
 */
function endOfString(bytes: Buffer, words: Int32Array, begin: number, end: number): number {
  const base = bytes.byteOffset;
  for (let at = begin; at < end;) {
    if (((base + at) & 3) === 0)
      for (; at + 4 <= end; at += 4) {
        const word = words[(base + at) >> 2] as number;
        if ((hasZero(word ^ QUOTES) | hasZero(word ^ ESCAPES)) !== 0) break;
      }
    for (const edge = Math.min(end, ((base + at) | 3) + 1 - base); at < edge; at += 1) {
      const byte = bytes[at];
      if (byte === 0x22 /* " */) return at;
      if (byte === 0x5c /* \ */) at += 1;
    }
  }
  return -1;
}

/** The index behind the bracket that closes the one at `begin`; -1 when there is none. */
function endOfNested(bytes: Buffer, words: Int32Array, begin: number, end: number): number {
  let depth = 0;
  for (let at = begin; at < end; at += 1) {
    const byte = bytes[at];
    if (byte === 0x22 /* " */) {
      at = endOfString(bytes, words, at + 1, end);
      if (at === -1) return -1;
    } else if (byte === 0x7b /* { */ || byte === 0x5b /* [ */) depth += 1;
    else if (byte === 0x7d /* } */ || byte === 0x5d /* ] */) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

/** -1 for any other name, -2 for one that is written with an escape and might be any. */
function fieldNamed(bytes: Buffer, begin: number, end: number): number {
  for (const field of BY_LENGTH[end - begin] ?? []) {
    const name = NAMES[field] as Buffer;
    let same = true;
    for (let index = 0; index < name.length && same; index += 1) same = bytes[begin + index] === name[index];
    if (same) return field;
  }
  for (let at = begin; at < end; at += 1) if (bytes[at] === 0x5c /* \ */) return -2;
  return -1;
}
