import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { findJava } from '#libs/embedded-kafka/java.js';
import { kafkaHome } from '#libs/embedded-kafka/kafka-home.js';
import { temporaryKafka } from './temporary-kafka.js';
import { testAuthority, type TestAuthority } from './test-certificates.js';

export const OAUTH_CLIENT = { id: 'gateway client', secret: 'p:ss wörd' } as const;

export interface SecuredKafka {
  /** PLAINTEXT: everything is allowed there, for the test's own administration. */
  readonly open: string;
  /** SASL_SSL with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER; the name in its certificate is localhost. */
  readonly sasl: string;
  /** SSL that requires a client certificate. */
  readonly mutualTls: string;
  readonly authority: TestAuthority;
  /** Gives tokens to OAUTH_CLIENT, by HTTP Basic, and only to it. */
  readonly tokenEndpoint: string;
  /** How many tokens were given. */
  tokensGiven(): number;
  dispose(): Promise<void>;
}

/**
 * A real broker that asks who comes and enforces ACLs (StandardAuthorizer; nothing is allowed that no
 * rule allows). PLAIN users have their own name as password; SCRAM knows `scram` with password `scram-pass-1`.
 */
export async function securedKafka(users: readonly string[]): Promise<SecuredKafka> {
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-kafka-tls-'));
  const authority = await testAuthority();
  const server = await authority.issue('localhost', ['localhost']);
  const keyStore = path.join(folder, 'broker.pem');
  const trustStore = path.join(folder, 'ca.pem');
  await writeFile(keyStore, server.key + server.certificate);
  await writeFile(trustStore, authority.ca);
  const tokens = await tokenServer();
  const module = 'org.apache.kafka.common.security';
  const plain = users.map((user) => `user_${user}="${user}"`).join(' ');
  const store = { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': keyStore };
  const broker = await temporaryKafka({
    java: await findJava(process.env),
    home: kafkaHome(process.env),
    // The broker fetches the keys that tokens are checked by, but only from where it was told to.
    jvmProperties: [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${tokens.jwks}`],
    formatWith: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=scram,password=scram-pass-1,iterations=4096]`,
    ]),
    properties: (port) => ({
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1},SECURE://127.0.0.1:${port + 2},MUTUAL://127.0.0.1:${port + 3}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1},SECURE://localhost:${port + 2},MUTUAL://localhost:${port + 3}`,
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
      // Whoever may delete records may otherwise delete the topic too: Kafka has one operation for both.
      'delete.topic.enable': 'false',
      ...ofListener('secure', {
        ...store,
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
        'plain.sasl.jaas.config': `${module}.plain.PlainLoginModule required ${plain};`,
        'scram-sha-256.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
        'scram-sha-512.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
        'oauthbearer.sasl.jaas.config': `${module}.oauthbearer.OAuthBearerLoginModule required;`,
        'oauthbearer.sasl.server.callback.handler.class': `${module}.oauthbearer.OAuthBearerValidatorCallbackHandler`,
        'oauthbearer.sasl.oauthbearer.jwks.endpoint.url': tokens.jwks,
        'oauthbearer.sasl.oauthbearer.expected.audience': 'kafka',
      }),
      ...ofListener('mutual', {
        ...store,
        'ssl.client.auth': 'required',
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': trustStore,
      }),
    }),
  });
  return {
    open: broker.brokers,
    sasl: `localhost:${broker.port + 2}`,
    mutualTls: `localhost:${broker.port + 3}`,
    authority,
    tokenEndpoint: tokens.endpoint,
    tokensGiven: tokens.given,
    dispose: async () => {
      await broker.dispose();
      await tokens.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const ofListener = (name: string, properties: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [`listener.name.${name}.${key}`, value]),
  );

/** An authorisation server with a token endpoint and its keys. Its tokens are for the principal `gateway`. */
async function tokenServer(): Promise<{
  endpoint: string;
  jwks: string;
  given: () => number;
  close: () => Promise<void>;
}> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
  const basic = `${encodeURIComponent(OAUTH_CLIENT.id).replaceAll('%20', '+')}:${encodeURIComponent(OAUTH_CLIENT.secret).replaceAll('%20', '+')}`;
  let given = 0;
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.url === '/jwks') return answer(200, { keys: [jwk] });
    if (request.headers.authorization !== `Basic ${Buffer.from(basic).toString('base64')}`)
      return answer(401, { error: 'invalid_client', error_description: 'the secret is wrong' });
    given += 1;
    void new SignJWT({ scope: 'kafka' })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setSubject('gateway')
      .setAudience('kafka')
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey)
      .then((token) => answer(200, { access_token: token, token_type: 'Bearer', expires_in: 300 }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${port}/token`,
    jwks: `http://127.0.0.1:${port}/jwks`,
    given: () => given,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
