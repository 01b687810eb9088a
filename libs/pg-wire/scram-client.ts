import { createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { sha256 } from '#libs/kernel/hash.js';

const derive = promisify(pbkdf2);
const hmac = (key: Uint8Array, text: string | Uint8Array): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** More rounds than this is a server that wants to keep us busy. */
const MAX_ITERATIONS = 1_000_000;

/**
 * The client of SCRAM-SHA-256 without channel binding (RFC 5802, RFC 7677), as PostgreSQL speaks it: the
 * user name is empty, the server takes it from the start-up packet. Throws an Error when the server does
 * not prove that it knows the password.
 */
export class ScramClient {
  static readonly mechanism = 'SCRAM-SHA-256';
  private readonly firstBare: string;
  private serverSignature: Buffer | undefined;

  /** `nonce`: printable ASCII without a comma, at least 18 random bytes in base64. */
  constructor(
    private readonly password: string,
    private readonly nonce: string,
  ) {
    this.firstBare = `n=,r=${nonce}`;
  }

  first(): Buffer {
    return Buffer.from(`n,,${this.firstBare}`, 'utf8');
  }

  async final(serverFirst: Buffer): Promise<Buffer> {
    const text = serverFirst.toString('utf8');
    const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,8})(?:,.*)?$/.exec(
      text,
    );
    const [, nonce, salt, rounds] = match ?? [];
    const iterations = Number(rounds);
    if (nonce === undefined || salt === undefined || !nonce.startsWith(this.nonce) || nonce === this.nonce)
      throw new Error('the server sent a SCRAM challenge that is not valid');
    if (iterations > MAX_ITERATIONS) throw new Error('the server asks for too many SCRAM iterations');
    const salted = await derive(
      this.password.normalize('NFKC'),
      Buffer.from(salt, 'base64'),
      iterations,
      32,
      'sha256',
    );
    const clientKey = hmac(salted, 'Client Key');
    const withoutProof = `c=biws,r=${nonce}`;
    const signed = `${this.firstBare},${text},${withoutProof}`;
    const signature = hmac(sha256(clientKey), signed);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] as number)));
    this.serverSignature = hmac(hmac(salted, 'Server Key'), signed);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`, 'utf8');
  }

  verify(serverFinal: Buffer): void {
    const given = Buffer.from(
      /^v=([A-Za-z0-9+/]+={0,2})/.exec(serverFinal.toString('utf8'))?.[1] ?? '',
      'base64',
    );
    const expected = this.serverSignature;
    if (expected === undefined || given.length !== expected.length || !timingSafeEqual(given, expected))
      throw new Error('the server did not prove that it knows the password');
  }
}
