import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { keyIdOf, type SigningKey, type TrustedKeys } from './event-signature.js';

/** A private Ed25519 key in PKCS#8 PEM. Throws an Error that says what is wrong with the text. */
export function parseSigningKey(pem: string): SigningKey {
  const privateKey = createPrivateKey(pem);
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('must hold an Ed25519 private key in PEM');
  return { keyId: keyIdOf(createPublicKey(privateKey)), privateKey };
}

/**
 * Public Ed25519 keys, one or more PEM blocks in one file. Lines outside the blocks are comments.
 * Throws an Error when there is none or one is of another kind.
 */
export function parseTrustedKeys(text: string): TrustedKeys {
  const blocks = text.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  if (blocks.length === 0) throw new Error('must hold at least one PEM block "PUBLIC KEY"');
  const keys = new Map<string, KeyObject>();
  for (const block of blocks) {
    const key = createPublicKey(block);
    if (key.asymmetricKeyType !== 'ed25519') throw new Error('must hold Ed25519 public keys only');
    keys.set(keyIdOf(key), key);
  }
  return keys;
}
