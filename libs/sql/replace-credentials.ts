import { sha256Hex } from '#libs/kernel/hash.js';
import type { ByteRange } from './credentials.js';

/** As many digits as make a commitment binding: a whole SHA-256. */
export const SEALED_DIGITS = 64;

/**
 * The text with each range replaced by `'<credential:…>'`: the first `digits` hexadecimal digits of
 * SHA-256(salt ‖ the bytes of the range), a commitment that shows equality under one salt and nothing
 * else. Ranges are UTF-8 byte offsets of this text, in order, disjoint, as the analysis gives them.
 */
export function replaceCredentials(
  text: string,
  ranges: readonly ByteRange[],
  salt: Uint8Array,
  digits = 16,
): string {
  if (ranges.length === 0) return text;
  const bytes = Buffer.from(text, 'utf8');
  const parts: string[] = [];
  let position = 0;
  for (const { start, end } of ranges) {
    parts.push(bytes.toString('utf8', position, start));
    const commitment = sha256Hex(Buffer.concat([salt, bytes.subarray(start, end)])).slice(0, digits);
    parts.push(`'<credential:${commitment}>'`);
    position = end;
  }
  parts.push(bytes.toString('utf8', position));
  return parts.join('');
}
