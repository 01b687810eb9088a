/** The bytes of canonical base64, padding included; undefined for anything else (Buffer.from takes nearly anything). */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
