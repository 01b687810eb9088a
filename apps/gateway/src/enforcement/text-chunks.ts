/** In UTF-8 bytes. JSON makes at most six of one, and a record takes a million. */
export const CHUNK_BYTES = 131_072;

/** Cuts a text into parts of at most CHUNK_BYTES, never inside a character. */
export function chunksOf(text: string): string[] {
  const bytes = Buffer.from(text, 'utf8');
  const chunks: string[] = [];
  for (let at = 0; at < bytes.length;) {
    let end = Math.min(bytes.length, at + CHUNK_BYTES);
    while (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
    chunks.push(bytes.toString('utf8', at, end));
    at = end;
  }
  return chunks;
}
