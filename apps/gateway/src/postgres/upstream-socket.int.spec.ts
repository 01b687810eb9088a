import { chown, copyFile, mkdtemp, rm, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeCertificate } from '#deploy/local/development-ca.js';
import type { SslMode, TargetConfiguration } from '#libs/contracts/targets.js';
import { postgresSystemUser } from '#libs/embedded-postgres/system-user.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { connectTarget } from './connect-target.js';

let encrypted: TemporaryPostgres;
let plain: TemporaryPostgres;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'countersign-upstream-'));
  await chmod(folder, 0o711);
  const { ca, certificate, key } = await makeCertificate(new Date());
  const user = await postgresSystemUser();
  for (const [name, text] of Object.entries({ 'ca.pem': ca, 'cert.pem': certificate, 'key.pem': key })) {
    await writeFile(path.join(folder, name), text, { mode: 0o600 });
    if (user !== undefined) await chown(path.join(folder, name), user.uid, user.gid);
  }
  encrypted = await temporaryPostgres({
    ssl: 'on',
    ssl_cert_file: path.join(folder, 'cert.pem'),
    ssl_key_file: path.join(folder, 'key.pem'),
  });
  plain = await temporaryPostgres();
});
afterAll(async () => {
  await encrypted.dispose();
  await plain.dispose();
  await rm(folder, { recursive: true, force: true });
});

const startup = {
  user: 'x',
  database: 'x',
  applicationName: '',
  forwarded: [],
  protocolOptions: [],
  minor: 0,
};

/** `tls`, `clear` or the code of the refusal. */
async function reach(
  server: TemporaryPostgres,
  sslMode: SslMode,
  extra: Partial<TargetConfiguration> = {},
): Promise<string> {
  const target: TargetConfiguration = {
    name: 'shop',
    kind: 'postgres',
    environment: 'test',
    recording: 'strict',
    maxConnections: 5,
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    password: decodeURIComponent(new URL(server.adminUrl()).password),
    database: 'postgres',
    sslMode,
    sslRootCert: undefined,
    ...extra,
  };
  try {
    const { socket } = await connectTarget(
      target,
      'postgres',
      startup,
      '01890000-0000-7000-8000-000000000000',
      5_000,
    );
    const how = 'encrypted' in socket ? 'tls' : 'clear';
    socket.destroy();
    return how;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('the way to a target', () => {
  const ca = (): Partial<TargetConfiguration> => ({ sslRootCert: path.join(folder, 'ca.pem') });

  it('is encrypted and checked as sslmode says', async () => {
    expect(await reach(encrypted, 'disable')).toBe('clear');
    expect(await reach(encrypted, 'prefer')).toBe('tls');
    expect(await reach(encrypted, 'require')).toBe('tls');
    expect(await reach(encrypted, 'verify-ca')).toBe('TARGET_UNREACHABLE');
    expect(await reach(encrypted, 'verify-ca', ca())).toBe('tls');
    expect(await reach(encrypted, 'verify-full', ca())).toBe('tls');
    expect(await reach(plain, 'prefer')).toBe('clear');
    expect(await reach(plain, 'require')).toBe('TARGET_UNREACHABLE');
  });

  it('trusts nobody by a file of root certificates that is empty, and whom it says once it says so', async () => {
    const sslRootCert = path.join(folder, 'later.pem');
    await writeFile(sslRootCert, '');
    expect(await reach(encrypted, 'verify-full', { sslRootCert })).toBe('TARGET_UNREACHABLE');
    await copyFile(path.join(folder, 'ca.pem'), sslRootCert);
    expect(await reach(encrypted, 'verify-full', { sslRootCert })).toBe('tls');
  });

  it('is refused with a wrong password or a port where nobody listens', async () => {
    expect(await reach(plain, 'prefer', { password: 'wrong' })).toBe('08006');
    expect(await reach(plain, 'prefer', { password: undefined })).toBe('TARGET_UNREACHABLE');
    expect(await reach(plain, 'prefer', { port: 1 })).toBe('TARGET_UNREACHABLE');
  });
});
