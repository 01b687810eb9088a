/**
 * The bytes of a statement as text for a person: all of them, none changed in silence. Bytes that are not
 * UTF-8 stand as \xNN; a byte order mark stays visible to whoever compares.
 */
export function shownText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) =>
      byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    ).join('');
  }
}
