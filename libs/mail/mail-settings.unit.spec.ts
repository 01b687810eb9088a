import { readMailSettings } from './mail-settings.js';

const GIVEN = {
  COUNTERSIGN_MAIL_URL: 'smtp://mailer%40example.test@mail.example.test',
  COUNTERSIGN_MAIL_PASSWORD: 'only-a-test',
  COUNTERSIGN_MAIL_FROM: 'countersign@example.test',
};

describe('readMailSettings', () => {
  it('wants nothing where nothing is set, and STARTTLS where nothing else is said', () => {
    expect(readMailSettings({ SLACK_SHOW_SQL: 'on' }, true)).toBeUndefined();
    expect(readMailSettings(GIVEN, true)).toMatchObject({
      server: {
        host: 'mail.example.test',
        port: 587,
        secure: false,
        tls: 'required',
        login: { user: 'mailer@example.test', password: 'only-a-test' },
      },
      when: 'fallback',
      showSql: false,
    });
    const bare = {
      COUNTERSIGN_MAIL_URL: 'smtps://10.0.0.1',
      COUNTERSIGN_MAIL_FROM: GIVEN.COUNTERSIGN_MAIL_FROM,
    };
    expect(readMailSettings({ ...bare, SLACK_SHOW_SQL: 'on' }, false)).toMatchObject({
      server: { port: 465, secure: true, login: undefined },
      when: 'always',
      showSql: true,
    });
  });

  it.each([
    ['COUNTERSIGN_MAIL_URL', { COUNTERSIGN_MAIL_URL: undefined }],
    ['COUNTERSIGN_MAIL_URL', { COUNTERSIGN_MAIL_URL: 'https://mail.example.test' }],
    ['COUNTERSIGN_MAIL_URL', { COUNTERSIGN_MAIL_URL: 'smtp://user:secret@mail.example.test' }],
    ['COUNTERSIGN_MAIL_URL', { COUNTERSIGN_MAIL_URL: 'smtp://user@mail.example.test/?tls=no' }],
    ['COUNTERSIGN_MAIL_FROM', { COUNTERSIGN_MAIL_FROM: undefined }],
    ['COUNTERSIGN_MAIL_FROM', { COUNTERSIGN_MAIL_FROM: 'a@example.test\r\nBcc: eve@example.test' }],
    ['COUNTERSIGN_MAIL_FROM', { COUNTERSIGN_MAIL_FROM: 'a@example.test, eve@example.test' }],
    ['COUNTERSIGN_MAIL_TO', { COUNTERSIGN_MAIL_TO: 'Eve <eve@example.test>' }],
    ['COUNTERSIGN_MAIL_GROUPS', { COUNTERSIGN_MAIL_GROUPS: 'dba' }],
    ['COUNTERSIGN_MAIL_GROUPS', { COUNTERSIGN_MAIL_GROUPS: 'dba=nobody' }],
    ['COUNTERSIGN_MAIL_PASSWORD', { COUNTERSIGN_MAIL_PASSWORD: undefined }],
    ['COUNTERSIGN_MAIL_PASSWORD', { COUNTERSIGN_MAIL_URL: 'smtp://mail.example.test' }],
    ['COUNTERSIGN_MAIL_PASSWORD', { COUNTERSIGN_MAIL_PASSWORD_FILE: '/nowhere' }],
    [
      'COUNTERSIGN_MAIL_PASSWORD_FILE',
      { COUNTERSIGN_MAIL_PASSWORD: undefined, COUNTERSIGN_MAIL_PASSWORD_FILE: '/nowhere' },
    ],
    ['COUNTERSIGN_MAIL_TLS', { COUNTERSIGN_MAIL_TLS: 'off' }],
    ['COUNTERSIGN_MAIL_CA', { COUNTERSIGN_MAIL_CA: '/nowhere' }],
  ])('names %s in one line when it is wrong, and no secret', (variable, changes) => {
    const read = (): unknown => readMailSettings({ ...GIVEN, ...changes }, true);
    expect(read).toThrow(new RegExp(`^${variable}: [^\\n]+$`));
    expect(read).not.toThrow(/only-a-test|secret/);
  });
});
