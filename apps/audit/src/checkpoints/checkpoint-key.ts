import { createPublicKey, sign, type KeyObject } from 'node:crypto';

/**
 * The port behind which the logs' private key stands: a key in memory, or one that never leaves a
 * PKCS#11 token or a key service. It signs checkpoints and nothing else.
 */
export interface CheckpointKey {
  /** Ed25519. */
  readonly publicKey: KeyObject;
  /** The signature of these bytes, 64 bytes. Whoever asks checks it before it is used. */
  sign(body: Buffer): Promise<Buffer>;
}

/** A private key that this process holds, from a file or from the environment. */
export const keyInMemory = (privateKey: KeyObject): CheckpointKey => ({
  publicKey: createPublicKey(privateKey),
  sign: (body) => Promise.resolve(sign(null, body, privateKey)),
});
