import { createPublicKey, type KeyObject } from 'node:crypto';
import { sha256 } from '#libs/kernel/hash.js';
import { decodeBase64 } from './base64.js';

/** C2SP signed-note, key types: a log's own key, and a witness's. One key has two ids, one for each. */
export const KEY_TYPES = { log: 0x01, witness: 0x04 } as const;
export type KeyType = keyof typeof KEY_TYPES;

/** A public key that may sign notes under a name. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: Buffer;
  readonly type: KeyType;
  readonly publicKey: KeyObject;
}

/** SubjectPublicKeyInfo of Ed25519 up to the 32 bytes of the key (RFC 8410, section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** The raw 32 bytes of an Ed25519 public key. */
export const rawPublicKey = (key: KeyObject): Buffer =>
  key.export({ format: 'der', type: 'spki' }).subarray(-32);

/** Whether a name can stand in a note: not empty, no space, no control character, no `+`, at most 255 bytes. */
export const isKeyName = (name: string): boolean =>
  name !== '' && Buffer.byteLength(name) <= 255 && name.isWellFormed() && !/[\s+\p{Cc}]/u.test(name);

/** SHA-256(name ‖ 0x0A ‖ type ‖ key), the first 4 bytes. */
export const keyIdOf = (name: string, type: KeyType, raw: Buffer): Buffer =>
  sha256(Buffer.concat([Buffer.from(name), Uint8Array.of(0x0a, KEY_TYPES[type]), raw])).subarray(0, 4);

/** Throws a RangeError for a name that cannot stand in a note. */
export function noteVerifier(name: string, type: KeyType, publicKey: KeyObject): NoteVerifier {
  if (!isKeyName(name)) throw new RangeError(`not a name for a key: ${JSON.stringify(name.slice(0, 255))}`);
  return { name, type, publicKey, keyId: keyIdOf(name, type, rawPublicKey(publicKey)) };
}

/** `<name>+<hex key id>+<base64 of type ‖ key>`. */
export const formatVkey = ({ name, keyId, type, publicKey }: NoteVerifier): string =>
  `${name}+${keyId.toString('hex')}+${Buffer.concat([Uint8Array.of(KEY_TYPES[type]), rawPublicKey(publicKey)]).toString('base64')}`;

/** undefined unless the text is exactly what formatVkey writes for an Ed25519 key. */
export function parseVkey(text: string): NoteVerifier | undefined {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(text);
  const bytes = match === null ? undefined : decodeBase64(match[3] as string);
  if (match === null || bytes?.length !== 33) return undefined;
  const type = (Object.keys(KEY_TYPES) as KeyType[]).find((known) => KEY_TYPES[known] === bytes[0]);
  const name = match[1] as string;
  if (type === undefined || !isKeyName(name)) return undefined;
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, bytes.subarray(1)]),
    format: 'der',
    type: 'spki',
  });
  const verifier = noteVerifier(name, type, publicKey);
  return verifier.keyId.toString('hex') === match[2] ? verifier : undefined;
}
