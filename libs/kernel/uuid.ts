import { randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Random numbers are fetched this many at a time: a call for each id costs more than the id. */
const RANDOM_NUMBERS = 1024;

const randomNumbers = new Uint32Array(RANDOM_NUMBERS);
let used = RANDOM_NUMBERS;

const generator = new V7Generator({
  nextUint32() {
    if (used === RANDOM_NUMBERS) {
      randomFillSync(randomNumbers);
      used = 0;
    }
    used += 1;
    return randomNumbers[used - 1] as number;
  },
});

/** A new UUIDv7: 36 lower-case characters, ordered by creation time (RFC 9562, section 5.7). */
export const newId = (): string => bytesToUuid(generator.generate().bytes);

export const isUuid = (text: string): boolean => UUID.test(text);

/** The 16 bytes of a UUID. Throws a RangeError when the text is not one in lower case. */
export function uuidToBytes(uuid: string): Buffer {
  if (!isUuid(uuid)) throw new RangeError(`not a lower-case UUID: ${JSON.stringify(uuid.slice(0, 64))}`);
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

const DASHES_BEFORE = new Set([4, 6, 8, 10]);
const DASH = 0x2d;

/**
 * Writes the 16 bytes of a UUID where they belong, without anything in between. Throws a RangeError when
 * the text is not one in lower case, or does not fit.
 */
export function writeUuid(uuid: string, target: Buffer, at: number): void {
  if (at < 0 || at + 16 > target.length) throw new RangeError('the UUID does not fit');
  let valid = uuid.length === 36;
  let from = 0;
  for (let index = 0; index < 16 && valid; index += 1) {
    if (DASHES_BEFORE.has(index)) {
      valid = uuid.charCodeAt(from) === DASH;
      from += 1;
    }
    const high = nibble(uuid.charCodeAt(from));
    const low = nibble(uuid.charCodeAt(from + 1));
    valid &&= high >= 0 && low >= 0;
    target[at + index] = (high << 4) | low;
    from += 2;
  }
  if (!valid) throw new RangeError(`not a lower-case UUID: ${JSON.stringify(uuid.slice(0, 64))}`);
}

/** Of a lower-case hexadecimal digit; -1 for any other character. */
const nibble = (code: number): number =>
  code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The UUID of 16 bytes. Throws a RangeError on any other length. */
export function bytesToUuid(bytes: Readonly<Uint8Array>): string {
  if (bytes.length !== 16) throw new RangeError(`a UUID has 16 bytes, not ${bytes.length}`);
  return `${hex(bytes, 0, 4)}-${hex(bytes, 4, 6)}-${hex(bytes, 6, 8)}-${hex(bytes, 8, 10)}-${hex(bytes, 10, 16)}`;
}

function hex(bytes: Readonly<Uint8Array>, from: number, to: number): string {
  let text = '';
  for (let index = from; index < to; index += 1) text += HEX[bytes[index] as number];
  return text;
}
