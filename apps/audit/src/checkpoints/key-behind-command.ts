import { spawn } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import type { CheckpointKey } from './checkpoint-key.js';

const SIGNATURE = /^[A-Za-z0-9+/]{86}==\n?$/;
const MAX_ANSWER_BYTES = 4_096;

/**
 * A key that an executable signs with: of a PKCS#11 token, a key service, another user of this machine.
 * It is run without a shell and without arguments for each checkpoint, gets its body on standard input
 * and writes the Ed25519 signature in base64 to standard output. Anything else, or more than `timeoutMs`,
 * is SIGNER_FAILED: nothing is signed, and it is tried again.
 */
export const keyBehindCommand = (
  executable: string,
  publicKey: KeyObject,
  timeoutMs = 5_000,
): CheckpointKey => ({
  publicKey,
  sign: (body) =>
    new Promise((resolve, reject) => {
      const fail = (what: string): void => reject(new CodedError('SIGNER_FAILED', `${executable}: ${what}`));
      const child = spawn(executable, [], {
        stdio: ['pipe', 'pipe', 'ignore'],
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      });
      let answer = '';
      child.on('error', (error) => fail(messageOf(error)));
      // One that ends without reading is judged by its answer.
      child.stdin.on('error', () => undefined);
      child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
        answer += chunk;
        if (answer.length > MAX_ANSWER_BYTES) child.kill('SIGKILL');
      });
      child.on('close', (code, signal) => {
        if (code !== 0) fail(`ended with ${signal ?? `status ${code}`}`);
        else if (!SIGNATURE.test(answer)) fail('its answer is no Ed25519 signature in base64');
        else resolve(Buffer.from(answer.trim(), 'base64'));
      });
      child.stdin.end(body);
    }),
});
