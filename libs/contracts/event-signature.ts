import { sign, verify, type KeyObject } from 'node:crypto';
import { sha256Hex } from '#libs/kernel/hash.js';
import { encodeEvent, type Envelope } from './envelope.js';

/**
 * A signed event is its JSON with one last member of fixed length:
 *
 *   {...body...,"signature":{"keyId":"<16 hex>","value":"<88 base64>"}}
 *
 * What is signed is the domain, then the body: the same bytes with that member cut out again. Nothing
 * is parsed or re-serialised between signing, storing and verifying. Ed25519 (RFC 8032).
 */
export const EVENT_SIGNATURE_DOMAIN = Buffer.from('countersign.event-signature.v1\n', 'utf8');

const SUFFIX_BYTES = ',"signature":{"keyId":"0123456789abcdef","value":""}}'.length + 88;
const SUFFIX = /^,"signature":\{"keyId":"([0-9a-f]{16})","value":"([A-Za-z0-9+/]{86}==)"\}\}$/;

/** The first 16 hex digits of the SHA-256 of the raw 32-byte public key. */
export const keyIdOf = (publicKey: KeyObject): string =>
  sha256Hex(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)).slice(0, 16);

export interface SigningKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
}

/** Public keys by their key id, read from a file at start: never from the event log or the network. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

/** The bytes of the event with its signature as last member. The event must carry none yet. */
export function signEvent(event: Envelope & { signature?: never }, key: SigningKey): Buffer {
  const body = encodeEvent(event);
  const value = sign(null, Buffer.concat([EVENT_SIGNATURE_DOMAIN, body]), key.privateKey).toString('base64');
  const suffix = `,"signature":{"keyId":"${key.keyId}","value":"${value}"}}`;
  return Buffer.concat([body.subarray(0, -1), Buffer.from(suffix, 'utf8')]);
}

export type SignatureCheck =
  | { ok: true; keyId: string; body: Buffer }
  | { ok: false; problem: 'unsigned' | 'unknown-key' | 'bad-signature' };

/** Checks the signature of an event's bytes; `body` is the signed JSON, to be parsed instead of `bytes`. */
export function verifyEvent(bytes: Buffer, trusted: TrustedKeys): SignatureCheck {
  if (bytes.length <= SUFFIX_BYTES) return { ok: false, problem: 'unsigned' };
  const match = SUFFIX.exec(bytes.subarray(-SUFFIX_BYTES).toString('latin1'));
  const keyId = match?.[1];
  const text = match?.[2];
  if (keyId === undefined || text === undefined) return { ok: false, problem: 'unsigned' };
  const publicKey = trusted.get(keyId);
  if (publicKey === undefined) return { ok: false, problem: 'unknown-key' };
  const value = Buffer.from(text, 'base64');
  const body = Buffer.concat([bytes.subarray(0, -SUFFIX_BYTES), Buffer.from('}')]);
  const good =
    value.toString('base64') === text &&
    verify(null, Buffer.concat([EVENT_SIGNATURE_DOMAIN, body]), publicKey, value);
  return good ? { ok: true, keyId, body } : { ok: false, problem: 'bad-signature' };
}
