import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

const ITERATIONS = 4096;

/**
 * What PostgreSQL stores for a password (RFC 5803 form, SCRAM-SHA-256), so that CREATE ROLE … PASSWORD
 * never sends the password itself to the server and its log. Passwords in ASCII only: SASLprep (RFC
 * 4013) leaves those as they are. `salt`: 16 random bytes.
 */
export function scramSecret(password: string, salt: Buffer): string {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new RangeError('the password must be printable ASCII');
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest();
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey.toString('base64')}:${hmac('Server Key').toString('base64')}`;
}
