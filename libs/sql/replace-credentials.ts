import { sha256Hex } from '#libs/kernel/hash.js';
import type { ByteRange } from './credentials.js';

/**
 * The text with each range replaced by `'<credential:…>'`: the first 16 hexadecimal digits of
 * SHA-256(salt ‖ the bytes of the range), a commitment that shows equality under one salt and nothing
 * else. Ranges are UTF-8 byte offsets of this text, in order, disjoint, as the analysis gives them.
 */
export function replaceCredentials(text: string, ranges: readonly ByteRange[], salt: Uint8Array): string {
  if (ranges.length === 0) return text;
  const bytes = Buffer.from(text, 'utf8');
  const parts: string[] = [];
  let position = 0;
  for (const { start, end } of ranges) {
    parts.push(bytes.toString('utf8', position, start));
    const commitment = sha256Hex(Buffer.concat([salt, bytes.subarray(start, end)])).slice(0, 16);
    parts.push(`'<credential:${commitment}>'`);
    position = end;
  }
  parts.push(bytes.toString('utf8', position));
  return parts.join('');
}
