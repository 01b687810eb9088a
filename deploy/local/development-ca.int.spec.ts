import { X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import { makeCertificate } from './development-ca.js';

const now = new Date();

describe('the development certificate', () => {
  it.each(['localhost', '127.0.0.1'])('is believed for %s by who trusts the CA', async (host) => {
    const { ca, certificate, key } = await makeCertificate(now);
    const server = createServer({ cert: certificate, key }, (socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const authorized = await new Promise<boolean>((resolve, reject) => {
      const socket = connect(
        { host, port, ca, ...(host === 'localhost' ? { servername: host } : {}) },
        () => {
          resolve(socket.authorized);
          socket.destroy();
        },
      );
      socket.once('error', reject);
    });
    server.close();
    expect(authorized).toBe(true);
  });

  it('is a server’s and can issue nothing', async () => {
    const { ca, certificate } = await makeCertificate(now);
    const made = new X509Certificate(certificate);
    expect(made.ca).toBe(false);
    expect(made.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1');
    expect(made.checkIssued(new X509Certificate(ca))).toBe(true);
    expect(new X509Certificate(ca).ca).toBe(true);
  });
});
