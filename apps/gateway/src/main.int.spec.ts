import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { makeCertificate } from '#deploy/local/development-ca.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { signEvent } from '#libs/contracts/event-signature.js';
import { parseSigningKey } from '#libs/contracts/key-files.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import { newId } from '#libs/kernel/uuid.js';
import { migrate } from '#libs/postgres/migrate.js';
import { eventually } from '#libs/testing/eventually.js';
import { tcpProxy } from '#libs/testing/tcp-proxy.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { startTokenIssuer, type TokenIssuer } from '#libs/testing/token-issuer.js';
import { KeptPolicy } from './policy/kept-policy.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MAIN = path.join(ROOT, 'dist/apps/gateway/src/main.js');

let postgres: TemporaryPostgres;
let issuer: TokenIssuer;
let folder: string;
let ca: string;
let environment: Record<string, string>;
const started: ChildProcess[] = [];

beforeAll(async () => {
  postgres = await temporaryPostgres();
  issuer = await startTokenIssuer();
  folder = await mkdtemp(path.join(tmpdir(), 'countersign-main-'));
  await migrate(postgres.adminUrl(), path.join(ROOT, 'deploy/migrations'), ['roles', 'event-log']);
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(path.join(folder, name), text, { mode: 0o600 });
    return path.join(folder, name);
  };
  const made = await makeCertificate(new Date());
  ca = made.ca;
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  environment = {
    PATH: process.env['PATH'] ?? '',
    COUNTERSIGN_HOME: folder,
    COUNTERSIGN_OIDC_ISSUER: issuer.issuer,
    COUNTERSIGN_GATEWAY_PORT: String(await freePort()),
    COUNTERSIGN_GATEWAY_HTTP_PORT: String(await freePort()),
    COUNTERSIGN_GATEWAY_TLS_CERT: await file('cert.pem', made.certificate),
    COUNTERSIGN_GATEWAY_TLS_KEY: await file('key.pem', made.key),
    COUNTERSIGN_GATEWAY_SIGNING_KEY: await file('signing.pem', privateKey),
    COUNTERSIGN_DECISION_KEYS: await file('decisions.pem', publicKey),
    COUNTERSIGN_TARGETS: await file(
      'targets.yaml',
      `targets: { shop: { kind: postgres, url: "postgresql://postgres:\${TARGET_PASSWORD}@127.0.0.1:${postgres.port}/postgres", environment: production } }`,
    ),
    TARGET_PASSWORD: decodeURIComponent(new URL(postgres.adminUrl()).password),
    DATABASE_URL: postgres.adminUrl(),
  };
});

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await postgres.dispose();
  await issuer.close();
  await rm(folder, { recursive: true, force: true });
});

function start(extra: Record<string, string | undefined> = {}) {
  const env = Object.fromEntries(
    Object.entries({ ...environment, ...extra }).filter(([, value]) => value !== undefined),
  );
  const child = spawn(process.execPath, [MAIN], {
    env: env as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let errors = '';
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit').then(([code]) => ({ code: code as number | null, errors, output }));
  return { child, exited };
}

describe('the gateway as a process', () => {
  it('works from its environment, keeps its id, and drains and exits 0 on SIGTERM', async () => {
    const { child, exited } = start();
    const http = `http://127.0.0.1:${environment['COUNTERSIGN_GATEWAY_HTTP_PORT']}`;
    await eventually(async () => expect((await fetch(`${http}/readyz`)).status).toBe(200), 20_000);
    const client = new pg.Client({
      host: '127.0.0.1',
      port: Number(environment['COUNTERSIGN_GATEWAY_PORT']),
      user: 'alice',
      database: 'shop',
      password: await issuer.token('alice', 'countersign-gateway'),
      ssl: { ca },
    });
    client.on('error', () => undefined);
    await client.connect();
    expect((await client.query("SELECT 'secret literal' AS t")).rows).toEqual([{ t: 'secret literal' }]);
    expect(await (await fetch(`${http}/metrics`)).text()).toMatch(
      /countersign_statements_total\{effect="allow".*\} 1/,
    );
    child.kill('SIGTERM');
    child.kill('SIGTERM');
    const { code, errors, output } = await exited;
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toContain('masking is off');
    expect(output).not.toContain('secret literal');
    expect(await readFile(path.join(folder, 'gateway/gateway-id'), 'utf8')).toMatch(/^[0-9a-f-]{36}\n$/);
    const { Client } = pg;
    const log = new Client(postgres.adminUrl());
    await log.connect();
    const { rows } = await log.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM event_log.heads WHERE topic = 'statements' AND next_offset = 4",
    );
    await log.end();
    expect(rows).toEqual([{ n: 1 }]);
  });

  it.each([
    ['COUNTERSIGN_GATEWAY_PORT', '99999'],
    ['COUNTERSIGN_DECISION_KEYS', '/nowhere/keys.pem'],
    ['COUNTERSIGN_OIDC_ISSUER', undefined],
    ['TARGET_PASSWORD', undefined],
  ])('refuses to start on a bad %s with one line that names it', async (name, value) => {
    const { code, errors, output } = await start({ [name]: value }).exited;
    expect(code).toBe(1);
    expect(errors.trim().split('\n')).toHaveLength(1);
    expect(errors).toContain(name);
    expect(output).toBe('');
  });
});

describe('the gateway whose event log is away at the start', () => {
  const policy = `version: 5\ndefault: allow\nrules: [{ id: no-drop, when: "statement.kind == 'DROP TABLE'", effect: deny }]\n`;
  const settings = async (port: number, home: string): Promise<Record<string, string>> => {
    const url = new URL(postgres.adminUrl());
    url.port = String(port);
    return {
      DATABASE_URL: url.toString(),
      COUNTERSIGN_HOME: path.join(folder, home),
      COUNTERSIGN_GATEWAY_PORT: String(await freePort()),
      COUNTERSIGN_GATEWAY_HTTP_PORT: String(await freePort()),
    };
  };

  it('judges by the signed policy it has kept, and drains what it recorded when the log is there', async () => {
    const proxy = await tcpProxy({ host: '127.0.0.1', port: postgres.port });
    proxy.refusing = true;
    const given = await settings(proxy.port, 'away');
    const signing = await readFile(environment['COUNTERSIGN_GATEWAY_SIGNING_KEY'] as string, 'utf8');
    const published = {
      id: newId(),
      type: 'policy.published',
      schemaVersion: 1,
      time: new Date().toISOString(),
      tenant: 'default',
      producer: newId(),
      producerSeq: 0,
      policyVersion: 5,
      policyHash: sha256Hex(Buffer.from(policy)),
      text: policy,
      author: 'dana',
    };
    const spool = path.join(folder, 'away', 'gateway', 'spool');
    await new KeptPolicy(spool).keep(signEvent(published, parseSigningKey(signing)));
    const { child, exited } = start(given);
    const http = `http://127.0.0.1:${given['COUNTERSIGN_GATEWAY_HTTP_PORT']}`;
    await eventually(async () => expect((await fetch(`${http}/readyz`)).status).toBe(200), 20_000);
    const report = (await (await fetch(`${http}/readyz`)).json()) as { notes: Record<string, string> };
    expect(report.notes['event-log']).toMatch(/terminated|ECONNRESET/);
    const client = new pg.Client({
      host: '127.0.0.1',
      port: Number(given['COUNTERSIGN_GATEWAY_PORT']),
      user: 'alice',
      database: 'shop',
      password: await issuer.token('alice', 'countersign-gateway'),
      ssl: { ca },
    });
    client.on('error', () => undefined);
    await client.connect();
    expect((await client.query('SELECT 7 AS n')).rows).toEqual([{ n: 7 }]);
    await expect(client.query('DROP TABLE nothing')).rejects.toMatchObject({ code: '42501' });

    const recorded = async (): Promise<number> => {
      const log = new pg.Client(postgres.adminUrl());
      await log.connect();
      const { rows } = await log.query<{ n: string }>(
        "SELECT coalesce(sum(next_offset), 0) AS n FROM event_log.heads WHERE topic = 'statements'",
      );
      await log.end();
      return Number(rows[0]?.n);
    };
    const before = await recorded();
    proxy.refusing = false;
    await eventually(async () => expect(await recorded()).toBeGreaterThanOrEqual(before + 5), 20_000);
    await eventually(async () => {
      const answer = await fetch(`${http}/readyz`);
      expect(await answer.json()).toMatchObject({ ready: true, checks: { decisions: 'ok', policy: 'ok' } });
    }, 20_000);
    await client.end();
    child.kill('SIGTERM');
    expect((await exited).code).toBe(0);
    await proxy.close();
  }, 60_000);

  it('does not start where no signed policy is kept', async () => {
    const { code, errors } = await start(await settings(await freePort(), 'fresh')).exited;
    expect(code).toBe(1);
    expect(errors).toMatch(
      /^gateway: the event log does not answer, and no signed policy is kept beside the spool/,
    );
    expect(errors.trim().split('\n')).toHaveLength(1);
  }, 60_000);
});
