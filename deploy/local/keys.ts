import { generateKeyPair, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { exportJWK, generateKeyPair as generateJoseKeyPair } from 'jose';
import { hasCode } from '#libs/kernel/coded-error.js';
import { newId } from '#libs/kernel/uuid.js';
import { ensureCertificate } from './development-ca.js';
import type { Home } from './home/home.js';
import { writeSecretFile, writeSecretJson } from './home/write-file.js';
import { AGENT_CLIENT, DEVELOPMENT_CLIENT } from './idp/clients.js';

const generate = promisify(generateKeyPair);

/**
 * Makes every key of a development stack that is not there yet, and never replaces one. The gateway's is tied to
 * its id, unless the environment puts its spool, and so its id, elsewhere.
 */
export async function ensureKeys(
  home: Home,
  environment: Readonly<Record<string, string | undefined>> = {},
): Promise<void> {
  const tie = async (): Promise<string> => {
    if (environment['COUNTERSIGN_GATEWAY_SPOOL'] !== undefined) return '';
    return `gateway: ${environment['COUNTERSIGN_GATEWAY_ID'] ?? (await ensureGatewayId(home))}\n`;
  };
  await Promise.all([
    ensureEd25519(home.keyFile('gateway-signing.pem'), home.keyFile('gateway-keys.pem'), tie),
    ensureEd25519(home.keyFile('decision-signing.pem'), home.keyFile('decision-keys.pem')),
    ensureEd25519(home.keyFile('ledger-signing.pem')),
    ensureCertificate(home),
    once(home.keyFile('idp-jwks.json'), async (file) => writeSecretJson(file, await newJwks())),
    once(home.keyFile('idp-clients.json'), (file) =>
      writeSecretJson(file, { [DEVELOPMENT_CLIENT]: newSecret(), [AGENT_CLIENT]: newSecret() }),
    ),
  ]);
}

export const newSecret = (): string => randomBytes(24).toString('base64url');

/** The public file is written first: a private key without its public half would trust nobody. */
async function ensureEd25519(
  privateFile: string,
  publicFile?: string,
  before: () => Promise<string> = () => Promise.resolve(''),
): Promise<void> {
  await once(privateFile, async (file) => {
    const { privateKey, publicKey } = await generate('ed25519');
    if (publicFile !== undefined)
      await writeSecretFile(
        publicFile,
        `${await before()}${publicKey.export({ format: 'pem', type: 'spki' }) as string}`,
      );
    await writeSecretFile(file, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
  });
}

/** Beside the spool, where the gateway looks for it. */
async function ensureGatewayId(home: Home): Promise<string> {
  const kept = path.join(path.dirname(home.spool), 'gateway-id');
  await once(kept, (file) => writeSecretFile(file, `${newId()}\n`));
  return (await readFile(kept, 'utf8')).trim();
}

async function newJwks(): Promise<{ keys: unknown[] }> {
  const { privateKey } = await generateJoseKeyPair('ES256', { extractable: true });
  return { keys: [{ ...(await exportJWK(privateKey)), kid: newId(), use: 'sig', alg: 'ES256' }] };
}

export async function once(file: string, make: (file: string) => Promise<void>): Promise<void> {
  try {
    await stat(file);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    await make(file);
  }
}
