import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { connect as tlsConnect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { TargetConfiguration } from '#libs/contracts/targets.js';

type TlsTarget = Pick<TargetConfiguration, 'host' | 'sslMode' | 'sslRootCert'>;

/** Certificates are checked for verify-ca and verify-full, and, as libpq does, wherever a root certificate is given. */
export const verifiesChain = (target: TlsTarget): boolean =>
  target.sslMode === 'verify-ca' ||
  target.sslMode === 'verify-full' ||
  (target.sslMode === 'require' && target.sslRootCert !== undefined);

/** By the text of the root certificates, undefined for the system's: one serves all connections, each alone costs 18 KiB. */
const contexts = new Map<string | undefined, SecureContext>();

function contextFor(ca: string | undefined): SecureContext {
  const known = contexts.get(ca);
  if (known !== undefined) return known;
  // As bytes, since an empty text would mean the system's.
  const made = createSecureContext(ca === undefined ? {} : { ca: Buffer.from(ca, 'latin1') });
  contexts.set(ca, made);
  return made;
}

/** TLS over a socket on which the server has answered S. Rejects when the handshake or a check fails. */
export async function startUpstreamTls(socket: Socket, target: TlsTarget): Promise<TLSSocket> {
  const ca =
    target.sslRootCert === undefined || target.sslRootCert === 'system'
      ? undefined
      : await readFile(target.sslRootCert, 'latin1');
  return new Promise((resolve, reject) => {
    const secured = tlsConnect({
      socket,
      ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
      host: target.host,
      secureContext: contextFor(ca),
      rejectUnauthorized: verifiesChain(target),
      ...(target.sslMode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    });
    secured.on('error', (error) => {
      secured.destroy();
      reject(error);
    });
    secured.once('close', () => reject(new Error('it closed the connection during the TLS handshake')));
    secured.once('secureConnect', () => resolve(secured));
  });
}
