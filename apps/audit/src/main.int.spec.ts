import { createPublicKey } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { connectClient } from '#libs/postgres/client.js';
import { migrate } from '#libs/postgres/migrate.js';
import { eventually } from '#libs/testing/eventually.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { loginOf, privateKey } from './testing/test-ledger.js';

let postgres: TemporaryPostgres;
let home: string;
let environment: Record<string, string>;

beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
  home = await mkdtemp(path.join(tmpdir(), 'countersign-audit-main-'));
  const keyFile = path.join(home, 'ledger-signing.pem');
  await writeFile(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  const adminUrl = postgres.adminUrl();
  await migrate(adminUrl, path.resolve('deploy/migrations'), ['roles', 'event-log', 'audit']);
  environment = {
    PATH: process.env['PATH'] ?? '',
    COUNTERSIGN_HOME: home,
    COUNTERSIGN_OIDC_ISSUER: 'http://127.0.0.1:9',
    DATABASE_URL: await loginOf(adminUrl, 'countersign_audit', 'audit_main'),
    COUNTERSIGN_AUDIT_PORT: String(await freePort()),
    COUNTERSIGN_LEDGER_KEY: keyFile,
  };
}, 60_000);

afterAll(async () => {
  await postgres.dispose();
  await rm(home, { recursive: true, force: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function start(changes: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, ['dist/apps/audit/src/main.js'], {
    env: { ...environment, ...changes },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part: Buffer) => (stdout += part.toString()));
  child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, stdout, stderr })),
  );
  return { child, ended };
}

const ready = (): Promise<void> =>
  eventually(async () => {
    const reply = await fetch(`http://127.0.0.1:${environment['COUNTERSIGN_AUDIT_PORT']}/readyz`);
    expect(reply.status).toBe(200);
  }, 90_000);

const oneLine = /^audit: [^\n]+\n$/;

/** Starting a process takes a while on a busy machine. */
const GENEROUS_MS = 180_000;

describe('the audit program', () => {
  it.each([
    ['COUNTERSIGN_AUDIT_PORT', 'notaport'],
    ['COUNTERSIGN_LEDGER_KEY', '/nowhere/key.pem'],
    ['COUNTERSIGN_LEDGER_KEY', ''],
    ['COUNTERSIGN_LEDGER_KEY', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'],
    ['COUNTERSIGN_LEDGER_SIGNER', '/usr/bin/sign'],
    ['COUNTERSIGN_LEDGER_SIGNER', 'sign'],
    ['COUNTERSIGN_LEDGER_ORIGIN', 'https://audit.example'],
    ['COUNTERSIGN_AUDIT_PUBLIC_URL', 'ftp://audit.example'],
    ['DATABASE_URL', ''],
  ])(
    'ends with one line that names %s when it is wrong',
    async (variable, value) => {
      const { code, stdout, stderr } = await start({ [variable]: value }).ended;
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(oneLine);
      expect(stderr).toContain(variable);
    },
    GENEROUS_MS,
  );

  it(
    'starts, writes JSON lines only, and ends with 0 on SIGTERM, sent twice or once',
    async () => {
      for (const signals of [1, 2]) {
        const { child, ended } = start();
        await ready();
        for (let n = 0; n < signals; n += 1) child.kill('SIGTERM');
        const { code, stdout, stderr } = await ended;
        expect([code, stderr]).toEqual([0, '']);
        for (const line of stdout.trim().split('\n'))
          expect(JSON.parse(line)).toMatchObject({ name: 'audit' });
      }
      expect(await readdir(path.join(home, 'trust', 'checkpoints'))).toHaveLength(17);
    },
    GENEROUS_MS,
  );

  it(
    'takes its key from the environment, or signs with a command that has it',
    async () => {
      const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
      const publicFile = path.join(home, 'ledger-public.pem');
      await writeFile(publicFile, createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }));
      const signer = path.join(home, 'sign.mjs');
      await writeFile(
        signer,
        `#!${process.execPath}
import { sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
console.log(sign(null, readFileSync(0), readFileSync(process.env.SIGNER_KEY_FILE, 'utf8')).toString('base64'));
`,
        { mode: 0o755 },
      );
      for (const changes of [
        { COUNTERSIGN_LEDGER_KEY: pem },
        {
          COUNTERSIGN_LEDGER_KEY: '',
          COUNTERSIGN_LEDGER_SIGNER: signer,
          COUNTERSIGN_LEDGER_PUBLIC_KEY: publicFile,
          SIGNER_KEY_FILE: environment['COUNTERSIGN_LEDGER_KEY'] as string,
        },
      ]) {
        const { child, ended } = start(changes);
        await ready();
        child.kill('SIGTERM');
        expect((await ended).code).toBe(0);
      }
    },
    GENEROUS_MS,
  );

  it(
    'does not start while a trigger that protects the ledger is off, and names it',
    async () => {
      const admin = await connectClient(postgres.adminUrl(), 'test');
      await admin.query('ALTER TABLE ledger.payloads ENABLE REPLICA TRIGGER append_only');
      const { code, stderr } = await start().ended;
      await admin.query('ALTER TABLE ledger.payloads ENABLE ALWAYS TRIGGER append_only');
      await admin.end();
      expect(code).toBe(1);
      expect(stderr).toMatch(oneLine);
      expect(stderr).toMatch(
        /APPEND_ONLY_OFF.*ledger\.payloads\.append_only.*deploy\/runbooks\/ledger-append-only-off\.md/,
      );
    },
    GENEROUS_MS,
  );

  it(
    'refuses an origin that is not the one its logs were made with',
    async () => {
      const { code, stderr } = await start({ COUNTERSIGN_LEDGER_ORIGIN: 'audit.example/other' }).ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(oneLine);
      expect(stderr).toContain('COUNTERSIGN_LEDGER_ORIGIN');
    },
    GENEROUS_MS,
  );

  it(
    'does not start on a database older than the copies outside, and names the runbook',
    async () => {
      const admin = await connectClient(postgres.adminUrl(), 'test');
      await admin.query(`ALTER TABLE ledger.checkpoints DISABLE TRIGGER ALL; DELETE FROM ledger.checkpoints;
      ALTER TABLE ledger.checkpoints ENABLE ALWAYS TRIGGER append_only`);
      await admin.end();
      const before = await readFile(path.join(home, 'trust', 'checkpoints', 'control-0.note'));
      const { code, stderr } = await start().ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(oneLine);
      expect(stderr).toMatch(
        /ROLLBACK.*npx countersign ledger verify.*deploy\/runbooks\/ledger-rollback\.md/,
      );
      expect(await readFile(path.join(home, 'trust', 'checkpoints', 'control-0.note'))).toEqual(before);
    },
    GENEROUS_MS,
  );
});
