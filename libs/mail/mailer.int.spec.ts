import { TestMailServer } from '#libs/testing/mail-server.js';
import { testAuthority, type TestAuthority } from '#libs/testing/test-certificates.js';
import type { MailServer } from './mail-settings.js';
import { Mailer } from './mailer.js';

const LOGIN = { user: 'countersign', password: 'only-a-test' };
const MAIL = {
  id: 'a-delivery',
  threadId: 'a-request',
  to: 'dba@example.test',
  subject: 'Hello',
  text: 'World\n',
};

describe('Mailer', () => {
  let authority: TestAuthority;
  let server: TestMailServer;
  beforeAll(async () => {
    authority = await testAuthority();
    server = await TestMailServer.start({
      certificate: await authority.issue('mail.test', ['127.0.0.1']),
      login: LOGIN,
    });
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.fault = () => undefined;
    server.received.length = 0;
  });
  const mailer = (changes: Partial<MailServer> = {}) =>
    new Mailer({
      host: '127.0.0.1',
      port: server.port,
      secure: false,
      tls: 'required',
      ca: authority.ca,
      login: LOGIN,
      from: 'countersign@example.test',
      ...changes,
    });

  it('hands a mail over inside TLS, signed in, under the id of its delivery', async () => {
    await mailer().verify();
    expect(await mailer().send(MAIL)).toEqual({ kind: 'taken' });
    expect(server.received).toMatchObject([
      { from: 'countersign@example.test', to: ['dba@example.test'], secure: true, user: 'countersign' },
    ]);
    const { raw } = server.received[0] ?? { raw: '' };
    expect(raw).toMatch(/^Message-ID: <a-delivery@example\.test>\r$/m);
    expect(raw).toMatch(/^References: <a-request@example\.test>\r$/m);
    expect(raw).toMatch(/^Auto-Submitted: auto-generated\r$/m);
  });

  it.each(['Hello\r\nBcc: eve@example.test', 'Hello\nBcc: eve@example.test', 'Hello\rBcc: eve@example.test'])(
    'makes one header of a subject that wants to be two: %j',
    async (subject) => {
      expect(await mailer().send({ ...MAIL, subject })).toEqual({ kind: 'taken' });
      expect(server.received[0]?.raw).not.toMatch(/^Bcc:/im);
      expect(server.received[0]?.to).toEqual(['dba@example.test']);
    },
  );

  it.each([
    ['refused', { at: 'recipient', code: 550 }],
    ['refused', { at: 'data', code: 554 }],
    ['unavailable', { at: 'recipient', code: 450 }],
    ['unavailable', { at: 'data', code: 451 }],
    ['unavailable', { at: 'answer' }],
  ] as const)('says %s of %j', async (kind, fault) => {
    server.fault = () => fault;
    expect(await mailer().send(MAIL)).toMatchObject({ kind });
  });

  it('says unavailable of a login that is refused, and never says the password', async () => {
    const wrong = mailer({ login: { user: 'countersign', password: 'a secret that is wrong' } });
    const answer = await wrong.send(MAIL);
    expect(answer).toMatchObject({ kind: 'unavailable', problem: expect.stringContaining('535') });
    expect(JSON.stringify(answer)).not.toContain('a secret');
    await expect(wrong.verify()).rejects.toThrow(/535/);
  });

  it('sends nothing, not even who it is, to a server whose certificate it does not trust', async () => {
    const { ca } = await testAuthority();
    expect(await mailer({ ca }).send(MAIL)).toMatchObject({ kind: 'unavailable' });
    expect(server.received).toEqual([]);
  });

  it('sends nothing to a server without TLS unless that is turned off', async () => {
    const plain = await TestMailServer.start();
    try {
      const without = { port: plain.port, login: undefined };
      expect(await mailer(without).send(MAIL)).toMatchObject({ kind: 'unavailable' });
      expect(plain.received).toEqual([]);
      expect(await mailer({ ...without, tls: 'off' }).send(MAIL)).toEqual({ kind: 'taken' });
      expect(plain.received).toMatchObject([{ secure: false }]);
    } finally {
      await plain.close();
    }
  });
});
