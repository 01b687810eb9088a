import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import type { TargetConfiguration } from '#libs/contracts/targets.js';

type TlsTarget = Pick<TargetConfiguration, 'host' | 'sslMode' | 'sslRootCert'>;

/** Certificates are checked for verify-ca and verify-full, and, as libpq does, wherever a root certificate is given. */
export const verifiesChain = (target: TlsTarget): boolean =>
  target.sslMode === 'verify-ca' ||
  target.sslMode === 'verify-full' ||
  (target.sslMode === 'require' && target.sslRootCert !== undefined);

/** TLS over a socket on which the server has answered S. Rejects when the handshake or a check fails. */
export async function startUpstreamTls(socket: Socket, target: TlsTarget): Promise<TLSSocket> {
  const ca =
    target.sslRootCert === undefined || target.sslRootCert === 'system'
      ? undefined
      : await readFile(target.sslRootCert);
  return new Promise((resolve, reject) => {
    const secured = tlsConnect({
      socket,
      ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
      host: target.host,
      ...(ca === undefined ? {} : { ca }),
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
