import 'reflect-metadata';
import { randomBytes, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hasCode } from '#libs/kernel/coded-error.js';
import * as x509 from '@peculiar/x509';
import type { Home } from './home/home.js';
import { writeSecretFile } from './home/write-file.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 86_400_000;
const CA_DAYS = 3650;
const CERTIFICATE_DAYS = 397;

/**
 * A development CA and the gateway's certificate for localhost and 127.0.0.1. Made together when one is
 * missing or the certificate has less than a week left; the CA's private key is then thrown away, so
 * that nobody can issue anything else under it.
 */
export async function ensureCertificate(home: Home, now = new Date()): Promise<void> {
  const [ca, certificate, key] = await Promise.all(
    ['tls-ca.pem', 'tls-cert.pem', 'tls-key.pem'].map((name) => textOf(home.keyFile(name))),
  );
  if (ca !== undefined && certificate !== undefined && key !== undefined && isFresh(certificate, now)) return;
  const made = await makeCertificate(now);
  await writeSecretFile(home.keyFile('tls-key.pem'), made.key);
  await writeSecretFile(home.keyFile('tls-cert.pem'), made.certificate);
  await writeSecretFile(home.keyFile('tls-ca.pem'), made.ca);
}

const isFresh = (pem: string, now: Date): boolean =>
  Date.parse(new NodeCertificate(pem).validTo) > now.getTime() + 7 * DAY;

export async function makeCertificate(now: Date): Promise<{ ca: string; certificate: string; key: string }> {
  x509.cryptoProvider.set(webcrypto as Crypto);
  const newKeys = (): Promise<CryptoKeyPair> =>
    webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<CryptoKeyPair>;
  const notBefore = new Date(now.getTime() - DAY);
  const caKeys = await newKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=Countersign development CA ${randomBytes(4).toString('hex')}`,
    notBefore,
    notAfter: new Date(now.getTime() + CA_DAYS * DAY),
    keys: caKeys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: 'CN=localhost',
    issuer: ca.subject,
    notBefore,
    notAfter: new Date(now.getTime() + CERTIFICATE_DAYS * DAY),
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    ca: `${ca.toString('pem')}\n`,
    certificate: `${certificate.toString('pem')}\n`,
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') + '\n',
  };
}

/** 16 random bytes, positive (RFC 5280, section 4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
