import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SettingError } from '#libs/kernel/settings.js';
import { testAuthority, type IssuedCertificate } from '#libs/testing/test-certificates.js';
import { readKafkaSecurity } from './kafka-security-settings.js';

describe('readKafkaSecurity', () => {
  let folder: string;
  let ca: string;
  let client: IssuedCertificate;
  const files: Record<string, string> = {};

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'countersign-kafka-settings-'));
    const authority = await testAuthority();
    ca = authority.ca;
    client = await authority.issue('client');
    const other = await authority.issue('other');
    const texts = {
      ca,
      cert: client.certificate,
      key: client.key,
      otherKey: other.key,
      garbage: 'nothing in PEM\n',
      password: 'hunter2\n',
      empty: '\n',
    };
    for (const [name, text] of Object.entries(texts)) {
      files[name] = path.join(folder, name);
      await writeFile(files[name], text);
    }
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const plain = {
    KAFKA_SASL_MECHANISM: 'plain',
    KAFKA_SASL_USERNAME: 'u',
    KAFKA_SASL_PASSWORD: 'hunter2',
  };
  const oauth = {
    KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
    KAFKA_OAUTH_TOKEN_ENDPOINT: 'https://idp.example/token',
    KAFKA_OAUTH_CLIENT_ID: 'c',
    KAFKA_OAUTH_CLIENT_SECRET: 'hunter2',
  };
  const read = (environment: Record<string, string>, brokers = ['kafka.example:9093']) =>
    readKafkaSecurity(environment, brokers);

  it('asks for nothing where nothing is set', () => {
    expect(read({})).toEqual({});
  });

  it('turns TLS on by itself where a certificate is named', () => {
    expect(read({ KAFKA_TLS: 'on' })).toEqual({ tls: {} });
    expect(read({ KAFKA_CA: files['ca'] as string })).toEqual({ tls: { ca } });
    expect(read({ KAFKA_CERT: files['cert'] as string, KAFKA_KEY: files['key'] as string })).toEqual({
      tls: { client: { cert: client.certificate, key: client.key } },
    });
  });

  it('reads every mechanism, and secrets from files without their last newline', () => {
    expect(read({ ...plain, KAFKA_TLS: 'on' }).sasl).toEqual({
      mechanism: 'plain',
      username: 'u',
      password: 'hunter2',
    });
    for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      const { sasl } = read({
        KAFKA_SASL_MECHANISM: mechanism,
        KAFKA_SASL_USERNAME: 'u',
        KAFKA_SASL_PASSWORD_FILE: files['password'] as string,
      });
      expect(sasl).toEqual({ mechanism: mechanism.toLowerCase(), username: 'u', password: 'hunter2' });
    }
    expect(read({ ...oauth, KAFKA_TLS: 'on', KAFKA_OAUTH_SCOPE: 'kafka' }).sasl).toEqual({
      mechanism: 'oauthbearer',
      token: {
        kind: 'endpoint',
        endpoint: 'https://idp.example/token',
        clientId: 'c',
        clientSecret: 'hunter2',
        scope: 'kafka',
      },
    });
  });

  it('sends a password in clear only inside the machine, or where that is said on purpose', () => {
    expect(() => read(plain)).toThrow(/^KAFKA_TLS: must be on with KAFKA_SASL_MECHANISM=PLAIN/);
    expect(read(plain, ['127.0.0.1:9092', '[::1]:9092', 'localhost:9092'])).toHaveProperty('sasl');
    expect(read({ ...plain, KAFKA_TLS: 'off' })).toHaveProperty('sasl');
  });

  it.each<[string, () => Record<string, string>]>([
    ['KAFKA_TLS', () => ({ KAFKA_TLS: 'yes' })],
    ['KAFKA_CA', () => ({ KAFKA_CA: path.join(folder, 'absent') })],
    ['KAFKA_CA', () => ({ KAFKA_CA: files['garbage'] as string })],
    ['KAFKA_CA', () => ({ KAFKA_TLS: 'off', KAFKA_CA: files['ca'] as string })],
    ['KAFKA_KEY', () => ({ KAFKA_CERT: files['cert'] as string })],
    ['KAFKA_CERT', () => ({ KAFKA_KEY: files['key'] as string })],
    ['KAFKA_KEY', () => ({ KAFKA_CERT: files['cert'] as string, KAFKA_KEY: files['otherKey'] as string })],
    ['KAFKA_KEY', () => ({ KAFKA_CERT: files['cert'] as string, KAFKA_KEY: files['garbage'] as string })],
    ['KAFKA_SASL_MECHANISM', () => ({ KAFKA_SASL_MECHANISM: 'GSSAPI' })],
    ['KAFKA_SASL_MECHANISM', () => ({ KAFKA_SASL_USERNAME: 'u' })],
    [
      'KAFKA_SASL_USERNAME',
      () => ({ KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', KAFKA_SASL_PASSWORD: 'hunter2' }),
    ],
    ['KAFKA_SASL_PASSWORD', () => ({ KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'u' })],
    ['KAFKA_SASL_PASSWORD_FILE', () => ({ ...plain, KAFKA_SASL_PASSWORD_FILE: files['password'] as string })],
    [
      'KAFKA_SASL_PASSWORD_FILE',
      () => ({ ...plain, KAFKA_SASL_PASSWORD: '', KAFKA_SASL_PASSWORD_FILE: files['empty'] as string }),
    ],
    ['KAFKA_OAUTH_TOKEN_ENDPOINT', () => ({ KAFKA_SASL_MECHANISM: 'OAUTHBEARER' })],
    ['KAFKA_OAUTH_TOKEN_ENDPOINT', () => ({ ...oauth, KAFKA_OAUTH_TOKEN_ENDPOINT: 'http://idp.example/t' })],
    ['KAFKA_OAUTH_TOKEN_ENDPOINT', () => ({ ...oauth, KAFKA_OAUTH_TOKEN_ENDPOINT: 'https://a:hunter2@b/t' })],
    ['KAFKA_OAUTH_CLIENT_ID', () => ({ ...oauth, KAFKA_OAUTH_CLIENT_ID: '' })],
    ['KAFKA_OAUTH_CLIENT_SECRET', () => ({ ...oauth, KAFKA_OAUTH_CLIENT_SECRET: '' })],
    ['KAFKA_OAUTH_TOKEN_FILE', () => ({ ...oauth, KAFKA_OAUTH_TOKEN_FILE: files['password'] as string })],
  ])('refuses a wrong %s in one line that names it and holds no secret', (variable, environment) => {
    let error: unknown;
    try {
      read(environment());
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SettingError);
    expect(error).toMatchObject({ variable });
    expect((error as Error).message).not.toMatch(/\n|hunter2/);
  });
});
