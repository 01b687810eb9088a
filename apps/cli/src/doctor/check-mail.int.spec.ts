import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TestMailServer } from '#libs/testing/mail-server.js';
import { testAuthority } from '#libs/testing/test-certificates.js';
import { checkMail } from './check-mail.js';

describe('checkMail', () => {
  let server: TestMailServer;
  let home: string;
  let ca: string;
  beforeAll(async () => {
    const authority = await testAuthority();
    server = await TestMailServer.start({
      certificate: await authority.issue('mail.test', ['127.0.0.1']),
      login: { user: 'countersign', password: 'only-a-test' },
    });
    home = await mkdtemp(path.join(tmpdir(), 'countersign-doctor-'));
    ca = path.join(home, 'ca.pem');
    await writeFile(ca, authority.ca);
  });
  afterAll(async () => {
    await server.close();
    await rm(home, { recursive: true, force: true });
  });
  const settings = (more: Readonly<Record<string, string>> = {}) => ({
    COUNTERSIGN_MAIL_URL: `smtp://countersign@127.0.0.1:${server.port}`,
    COUNTERSIGN_MAIL_PASSWORD: 'only-a-test',
    COUNTERSIGN_MAIL_FROM: 'countersign@example.test',
    COUNTERSIGN_MAIL_CA: ca,
    ...more,
  });

  it('says that e-mail is not configured where it is not', async () => {
    expect(await checkMail(home, {})).toEqual([{ name: 'e-mail', ok: true, detail: 'not configured' }]);
  });

  it('signs in with the settings of the stack that runs here', async () => {
    await writeFile(
      path.join(home, 'stack.json'),
      JSON.stringify({ environments: { approvals: settings() } }),
    );
    expect(await checkMail(home, {})).toEqual([
      {
        name: 'e-mail',
        ok: true,
        detail: `127.0.0.1:${server.port} takes mail over TLS, signed in as countersign`,
      },
    ]);
    await rm(path.join(home, 'stack.json'));
  });

  it('takes the password from a file', async () => {
    const file = path.join(home, 'password');
    await writeFile(file, 'only-a-test\n', { mode: 0o600 });
    const from = { COUNTERSIGN_MAIL_PASSWORD: '', COUNTERSIGN_MAIL_PASSWORD_FILE: file };
    expect(await checkMail(home, settings(from))).toMatchObject([{ ok: true }]);
  });

  it.each([
    ['a password that is wrong', { COUNTERSIGN_MAIL_PASSWORD: 'another' }, /535/],
    ['a certificate nobody vouches for', { COUNTERSIGN_MAIL_CA: '' }, /certificate|self-signed|issuer/i],
    [
      'a server that does not answer',
      { COUNTERSIGN_MAIL_URL: 'smtp://countersign@127.0.0.1:9' },
      /127\.0\.0\.1:9: /,
    ],
    ['a setting that is wrong', { COUNTERSIGN_MAIL_FROM: 'nobody' }, /COUNTERSIGN_MAIL_FROM/],
  ])('names %s, and no secret', async (_, more, words) => {
    const [found] = await checkMail(home, settings(more));
    expect(found).toMatchObject({ ok: false, detail: expect.stringMatching(words) });
    expect(found?.detail).not.toMatch(/only-a-test|another/);
  });
});
