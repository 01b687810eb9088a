import type { BoundStatement } from '#libs/contracts/binding.js';
import { replaceCredentials, SEALED_DIGITS } from '#libs/sql/replace-credentials.js';
import type { KnownText } from './known-text.js';

/**
 * What is bound of a statement that holds passwords or connection strings: its bytes with each of them
 * replaced by the whole SHA-256 of a secret salt and the literal. It is made again from the bytes about to
 * be sent, so the approval still covers every one of them, and nobody can guess the literal from it.
 */
export function sealCredentials(bound: BoundStatement, known: KnownText, salt: Buffer): BoundStatement {
  const { credentials } = known.analysis;
  if (credentials.length === 0) return bound;
  const sealed = replaceCredentials(known.bytes.toString('utf8'), credentials, salt, SEALED_DIGITS);
  return { ...bound, text: Buffer.from(sealed, 'utf8').toString('base64') };
}
