import { createPublicKey, X509Certificate } from 'node:crypto';
import { readFile, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { parseSigningKey, parseTrustedKeys } from '#libs/contracts/key-files.js';
import { check, type CheckResult } from './check.js';

const MIB = 1024 * 1024;
/** Below this a spool is about to refuse statements. */
const MIN_ROOM = 256 * MIB;
const DAY_MS = 86_400_000;

/** The keys of a development stack and the room beside its spool. */
export const checkHome = (home: string, now: () => number): Promise<CheckResult[]> =>
  Promise.all([
    check('gateway keys', () => pairMatches(home, 'gateway-signing.pem', 'gateway-keys.pem')),
    check('decision keys', () => pairMatches(home, 'decision-signing.pem', 'decision-keys.pem')),
    check('ledger key', () => isPrivateKey(path.join(home, 'keys', 'ledger-signing.pem'))),
    check('gateway certificate', () => certificateLasts(path.join(home, 'keys', 'tls-cert.pem'), now())),
    check('spool room', () => roomAt(path.join(home, 'gateway'))),
  ]);

/** The public keys others trust include the one this service signs with. */
async function pairMatches(home: string, privateName: string, publicName: string): Promise<string> {
  const file = path.join(home, 'keys', privateName);
  await requirePrivate(file);
  const { keyId } = parseSigningKey(await readFile(file, 'utf8'));
  const trusted = parseTrustedKeys(await readFile(path.join(home, 'keys', publicName), 'utf8'));
  if (!trusted.has(keyId)) throw new Error(`${publicName} does not trust ${privateName} (key ${keyId})`);
  return `key ${keyId} is trusted`;
}

async function isPrivateKey(file: string): Promise<string> {
  await requirePrivate(file);
  return `key ${parseSigningKey(await readFile(file, 'utf8')).keyId}`;
}

async function requirePrivate(file: string): Promise<void> {
  const { mode } = await stat(file);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    throw new Error(`${file} can be read by others: chmod 600 ${file}`);
}

async function certificateLasts(file: string, now: number): Promise<string> {
  const pem = await readFile(file, 'utf8');
  createPublicKey(pem);
  const days = Math.floor((Date.parse(new X509Certificate(pem).validTo) - now) / DAY_MS);
  if (days < 7) throw new Error(`${file} expires in ${days} days: npm start makes a new one`);
  return `valid for ${days} days`;
}

async function roomAt(folder: string): Promise<string> {
  const { bavail, bsize } = await statfs(folder);
  const room = bavail * bsize;
  const text = `${Math.floor(room / MIB)} MiB free at ${folder}`;
  if (room < MIN_ROOM) throw new Error(`${text}: make room, a full spool refuses statements`);
  return text;
}
