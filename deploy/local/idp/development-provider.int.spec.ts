import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decodeJwt } from 'jose';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { FileDirectory } from '#libs/identity/directory.js';
import { createTokenVerifier, discoverJwksUri } from '#libs/identity/token-verifier.js';
import { homeAt, prepareHome, type Home } from '../home/home.js';
import { ensureDirectory, sampleIdentities } from '../identities.js';
import { ensureKeys } from '../keys.js';
import { AGENT_CLIENT, DEVELOPMENT_CLIENT, GATEWAY_RESOURCE, SIGN_IN_GRANT } from './clients.js';
import { developmentProvider } from './development-provider.js';
import { obtainTokens } from './obtain-tokens.js';
import { readFile } from 'node:fs/promises';

let folder: string;
let home: Home;
let server: Server;
let issuer: string;
let clients: Record<string, string>;

const json = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, 'utf8'));

async function listen(port: number): Promise<Server> {
  const provider = developmentProvider(
    issuer,
    await json(home.keyFile('idp-jwks.json')),
    clients,
    new FileDirectory(home.directory),
  );
  const listening = createServer(provider.callback());
  await new Promise<void>((resolve) => listening.listen(port, '127.0.0.1', resolve));
  return listening;
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'countersign-idp-'));
  home = homeAt(path.join(folder, 'home'));
  await prepareHome(home, undefined);
  await ensureKeys(home);
  await ensureDirectory(home.directory);
  clients = (await json(home.keyFile('idp-clients.json'))) as Record<string, string>;
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  server = await listen(port);
});

afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true });
});

const verifierFor = async (audience: string) =>
  createTokenVerifier({ issuer, audience, jwksUri: await discoverJwksUri(issuer) });

const ask = (form: Record<string, string>): Promise<Response> =>
  fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(form) });

describe('the local identity provider', () => {
  it('gives everybody tokens that the services verify as who they are', async () => {
    const identities = await obtainTokens(issuer, home.keyFile('idp-clients.json'), sampleIdentities);
    const gateway = await verifierFor('countersign-gateway');
    const api = await verifierFor('countersign-api');
    for (const person of sampleIdentities) {
      const held = identities.find(({ name }) => name === person.name);
      const verified = [await gateway.verify(held?.password ?? ''), await api.verify(held?.token ?? '')];
      for (const each of verified) {
        expect(each).toMatchObject({
          ok: true,
          identity: { name: person.name, kind: person.kind, groups: person.groups, issuer },
        });
      }
    }
    const agent = identities.find(({ name }) => name === 'etl-agent');
    expect(await gateway.verify(agent?.password ?? '')).toMatchObject({ identity: { onBehalfOf: 'alice' } });
    expect(agent?.slackUserId).toBeUndefined();
    expect(decodeJwt(identities[0]?.token ?? '')['slack_user_id']).toBe('U0ALICE');
  });

  it('makes a token good for its audience only, and for hours', async () => {
    const [alice] = await obtainTokens(
      issuer,
      home.keyFile('idp-clients.json'),
      sampleIdentities.slice(0, 1),
    );
    const api = await verifierFor('countersign-api');
    expect(await api.verify(alice?.password ?? '')).toMatchObject({ ok: false });
    const verified = await api.verify(alice?.token ?? '');
    expect(verified.ok && verified.expiresAt > Date.now() + 11 * 3_600_000).toBe(true);
  });

  it('signs nobody in without the development client’s secret', async () => {
    const form = { grant_type: SIGN_IN_GRANT, username: 'bob', resource: GATEWAY_RESOURCE };
    const wrong = await ask({ ...form, client_id: DEVELOPMENT_CLIENT, client_secret: 'x'.repeat(32) });
    expect(wrong.status).toBe(401);
    const agent = await ask({
      ...form,
      client_id: AGENT_CLIENT,
      client_secret: clients[AGENT_CLIENT] ?? '',
    });
    expect(agent.status).toBe(400);
  });

  it.each(['mallory', AGENT_CLIENT])('signs no %s in as a person', async (username) => {
    const answer = await ask({
      grant_type: SIGN_IN_GRANT,
      username,
      resource: GATEWAY_RESOURCE,
      client_id: DEVELOPMENT_CLIENT,
      client_secret: clients[DEVELOPMENT_CLIENT] ?? '',
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: 'invalid_grant' });
  });

  it('keeps tokens good when it starts again', async () => {
    const [alice] = await obtainTokens(
      issuer,
      home.keyFile('idp-clients.json'),
      sampleIdentities.slice(0, 1),
    );
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    server = await listen(Number(new URL(issuer).port));
    const gateway = await verifierFor('countersign-gateway');
    expect(await gateway.verify(alice?.password ?? '')).toMatchObject({ ok: true });
  });

  it('reads the groups when it issues a token, not when it started', async () => {
    const moved = sampleIdentities.map((person) =>
      person.name === 'erin' ? { ...person, groups: ['dba'] } : person,
    );
    await writeFile(home.directory, JSON.stringify({ people: moved }));
    const erin = moved.filter(({ name }) => name === 'erin');
    const [held] = await obtainTokens(issuer, home.keyFile('idp-clients.json'), erin);
    const gateway = await verifierFor('countersign-gateway');
    expect(await gateway.verify(held?.password ?? '')).toMatchObject({ identity: { groups: ['dba'] } });
  });
});
