import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { z } from 'zod';
import { fileSetting } from '#libs/kernel/file-setting.js';
import { readSettings, SettingError } from '#libs/kernel/settings.js';

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;
type Mechanism = (typeof MECHANISMS)[number];

/** The variables that say how Kafka is reached safely, for a schema of an app's own. */
export const kafkaSecurityShape = {
  KAFKA_TLS: z.enum(['on', 'off'], 'must be on or off').optional(),
  KAFKA_CA: z.string().optional(),
  KAFKA_CERT: z.string().optional(),
  KAFKA_KEY: z.string().optional(),
  KAFKA_SASL_MECHANISM: z
    .string()
    .transform((name) => name.toUpperCase())
    .pipe(z.enum(MECHANISMS, `must be one of ${MECHANISMS.join(', ')}`))
    .optional(),
  KAFKA_SASL_USERNAME: z.string().max(256, 'must have 256 characters at most').optional(),
  KAFKA_SASL_PASSWORD: z.string().optional(),
  KAFKA_SASL_PASSWORD_FILE: z.string().optional(),
  KAFKA_OAUTH_TOKEN_ENDPOINT: z.url({ protocol: /^https?$/, error: 'must be an https URL' }).optional(),
  KAFKA_OAUTH_CLIENT_ID: z.string().optional(),
  KAFKA_OAUTH_CLIENT_SECRET: z.string().optional(),
  KAFKA_OAUTH_CLIENT_SECRET_FILE: z.string().optional(),
  KAFKA_OAUTH_SCOPE: z.string().optional(),
  KAFKA_OAUTH_TOKEN_FILE: z.string().optional(),
} as const;

type Given = z.output<z.ZodObject<typeof kafkaSecurityShape>>;

/** PEM texts. Without `ca` the certificate authorities that Node brings count. */
export interface KafkaTls {
  readonly ca?: string;
  readonly client?: { readonly cert: string; readonly key: string };
}

/** Where an OAUTHBEARER token comes from: asked for with client credentials, or a file that others renew. */
export type TokenSource =
  | {
      readonly kind: 'endpoint';
      readonly endpoint: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope?: string;
    }
  | { readonly kind: 'file'; readonly file: string };

export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: 'oauthbearer'; readonly token: TokenSource };

export interface KafkaSecurity {
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
}

const LOOPBACK = /^(localhost|127\.[0-9.]+|\[?::1\]?)$/;

/**
 * Reads how the brokers are reached. Throws SettingError, one line that names the variable and holds no
 * secret. A password or token that would cross a network in clear is refused unless KAFKA_TLS=off says
 * that this is meant.
 */
export function readKafkaSecurity(
  environment: Readonly<Record<string, string | undefined>>,
  brokers: readonly string[],
): KafkaSecurity {
  const given = readSettings(z.object(kafkaSecurityShape), environment);
  const tls = readTls(given);
  const sasl = readSasl(given);
  const clear = sasl?.mechanism === 'plain' || sasl?.mechanism === 'oauthbearer';
  const leavesTheMachine = brokers.some((broker) => !LOOPBACK.test(broker.replace(/:[0-9]+$/, '')));
  if (clear && tls === undefined && leavesTheMachine && given.KAFKA_TLS !== 'off') {
    throw new SettingError(
      'KAFKA_TLS',
      `must be on with KAFKA_SASL_MECHANISM=${given.KAFKA_SASL_MECHANISM ?? ''}, or the secret crosses the network in clear (off, set on purpose, allows that)`,
    );
  }
  return { ...(tls === undefined ? {} : { tls }), ...(sasl === undefined ? {} : { sasl }) };
}

/** On where KAFKA_TLS says so, or where a certificate is named and it says nothing. */
function readTls(given: Given): KafkaTls | undefined {
  const named = (['KAFKA_CA', 'KAFKA_CERT', 'KAFKA_KEY'] as const).find((name) => given[name] !== undefined);
  if (given.KAFKA_TLS === 'off') {
    if (named !== undefined) throw new SettingError(named, 'is set although KAFKA_TLS is off');
    return undefined;
  }
  if (given.KAFKA_TLS === undefined && named === undefined) return undefined;
  const { KAFKA_CA: ca, KAFKA_CERT: cert, KAFKA_KEY: key } = given;
  if (cert !== undefined && key === undefined)
    throw new SettingError('KAFKA_KEY', 'is required with KAFKA_CERT');
  if (key !== undefined && cert === undefined)
    throw new SettingError('KAFKA_CERT', 'is required with KAFKA_KEY');
  return {
    ...(ca === undefined ? {} : { ca: fileSetting('KAFKA_CA', ca, certificates) }),
    ...(cert === undefined || key === undefined ? {} : { client: readClientCertificate(cert, key) }),
  };
}

function readClientCertificate(certFile: string, keyFile: string): { cert: string; key: string } {
  const cert = fileSetting('KAFKA_CERT', certFile, certificates);
  const key = fileSetting('KAFKA_KEY', keyFile, (text) => {
    createPrivateKey(text);
    createSecureContext({ cert, key: text });
    return text;
  });
  return { cert, key };
}

/** One PEM certificate or several, each of which can be read. */
function certificates(text: string): string {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('holds no PEM certificate');
  for (const block of blocks) new X509Certificate(block);
  return text;
}

function readSasl(given: Given): KafkaSasl | undefined {
  const mechanism = given.KAFKA_SASL_MECHANISM;
  if (mechanism === undefined) {
    const stray = Object.entries(given).find(
      ([name, value]) => /^KAFKA_(SASL|OAUTH)_/.test(name) && value !== undefined,
    );
    if (stray !== undefined)
      throw new SettingError('KAFKA_SASL_MECHANISM', `is required because ${stray[0]} is set`);
    return undefined;
  }
  if (mechanism === 'OAUTHBEARER') return { mechanism: 'oauthbearer', token: readTokenSource(given) };
  return {
    mechanism: mechanism.toLowerCase() as Lowercase<Exclude<Mechanism, 'OAUTHBEARER'>>,
    username: required(given, 'KAFKA_SASL_USERNAME', `with KAFKA_SASL_MECHANISM=${mechanism}`),
    password: secret(given, 'KAFKA_SASL_PASSWORD', `with KAFKA_SASL_MECHANISM=${mechanism}`),
  };
}

function readTokenSource(given: Given): TokenSource {
  const { KAFKA_OAUTH_TOKEN_ENDPOINT: endpoint, KAFKA_OAUTH_TOKEN_FILE: file } = given;
  if (file !== undefined) {
    if (endpoint !== undefined)
      throw new SettingError('KAFKA_OAUTH_TOKEN_FILE', 'and KAFKA_OAUTH_TOKEN_ENDPOINT exclude each other');
    return fileSetting('KAFKA_OAUTH_TOKEN_FILE', file, () => ({ kind: 'file', file }));
  }
  if (endpoint === undefined) {
    throw new SettingError(
      'KAFKA_OAUTH_TOKEN_ENDPOINT',
      'is required with KAFKA_SASL_MECHANISM=OAUTHBEARER (or KAFKA_OAUTH_TOKEN_FILE)',
    );
  }
  const url = new URL(endpoint);
  if (url.protocol !== 'https:' && !LOOPBACK.test(url.hostname))
    throw new SettingError('KAFKA_OAUTH_TOKEN_ENDPOINT', 'must be an https URL');
  if (url.username !== '' || url.password !== '')
    throw new SettingError('KAFKA_OAUTH_TOKEN_ENDPOINT', 'must not hold a user or a password');
  return {
    kind: 'endpoint',
    endpoint,
    clientId: required(given, 'KAFKA_OAUTH_CLIENT_ID', 'with KAFKA_OAUTH_TOKEN_ENDPOINT'),
    clientSecret: secret(given, 'KAFKA_OAUTH_CLIENT_SECRET', 'with KAFKA_OAUTH_TOKEN_ENDPOINT'),
    ...(given.KAFKA_OAUTH_SCOPE === undefined ? {} : { scope: given.KAFKA_OAUTH_SCOPE }),
  };
}

function required(given: Given, name: keyof Given, when: string): string {
  const value = given[name];
  if (value === undefined) throw new SettingError(name, `is required ${when}`);
  return value;
}

/** The variable itself, or the file that the one with _FILE names, without the newline at its end. */
function secret(
  given: Given,
  name: 'KAFKA_SASL_PASSWORD' | 'KAFKA_OAUTH_CLIENT_SECRET',
  when: string,
): string {
  const file = given[`${name}_FILE`];
  if (file === undefined) return required(given, name, `${when} (or ${name}_FILE)`);
  if (given[name] !== undefined) throw new SettingError(`${name}_FILE`, `and ${name} exclude each other`);
  return fileSetting(`${name}_FILE`, file, (text) => {
    const value = text.replace(/\r?\n$/, '');
    if (value === '') throw new Error('is empty');
    return value;
  });
}
