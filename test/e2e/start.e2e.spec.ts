import { execFile } from 'node:child_process';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { startOwnStack, type OwnStack } from '#deploy/local/own-stack.js';
import { packageRoot } from '#deploy/local/package-root.js';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { eventually } from './eventually.js';
import { startAgain } from './local-stack.js';

const run = promisify(execFile);

/** Runs a program of deploy/local to its end. */
async function runProgram(
  name: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ code: number; out: string; err: string }> {
  const [program = '', ...args] = name.split(' ');
  const file = path.join(packageRoot, 'dist', 'deploy', 'local', `${program}.js`);
  return run(process.execPath, [file, ...args], { env: environment }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      out: error.stdout,
      err: error.stderr,
    }),
  );
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: gone.
    return false;
  }
};

const pidOf = (ready: ReadyFile, name: string): number =>
  ready.processes.find((each) => each.name === name)?.pid ?? 0;

const NAMES = ['gateway', 'approvals', 'audit', 'idp', 'target-postgres', 'platform-postgres'];

describe('npm start', () => {
  let stack: OwnStack;
  let first: ReadyFile;

  const admin = async <T extends object>(statement: string): Promise<T[]> => {
    const client = new pg.Client({ connectionString: first.targets['shop']?.adminUrl });
    await client.connect();
    const { rows } = await client.query<T>(statement);
    await client.end();
    return rows;
  };

  beforeAll(async () => {
    stack = await startOwnStack();
    first = await stack.ready();
  }, 120_000);

  afterAll(async () => {
    await stack.dispose();
    await rm(path.dirname(stack.home), { recursive: true, force: true });
  }, 60_000);

  it('prints what to type next, and that masking is off', () => {
    expect(stack.output()).toMatch(/PGPASSWORD=.* psql "host=localhost port=/);
    expect(stack.output()).toContain('requests approve <id>');
    expect(
      stack
        .output()
        .split('\n')
        .filter((line) => /masking is off/i.test(line)),
    ).toHaveLength(1);
  });

  it('keeps what it writes to itself', async () => {
    for (const file of ['ready.json', 'stack.json', 'targets.yaml'])
      expect((await stat(path.join(stack.home, file))).mode & 0o077).toBe(0);
    for (const key of await readdir(path.join(stack.home, 'keys')))
      expect((await stat(path.join(stack.home, 'keys', key))).mode & 0o077).toBe(0);
    expect((await stat(stack.home)).mode & 0o066).toBe(0);
  });

  it('names every process, log and identity in ready.json', () => {
    expect(first.processes.map(({ name }) => name).sort()).toEqual([...NAMES].sort());
    expect(first.processes.every(({ pid }) => isAlive(pid))).toBe(true);
    expect(first.audit.logs).toHaveLength(17);
    expect(first.identities.map(({ name, slackUserId }) => `${name} ${slackUserId}`).sort()).toEqual([
      'alice U0ALICE',
      'bob U0BOB',
      'carol U0CAROL',
      'dana U0DANA',
      'erin U0ERIN',
      'etl-agent undefined',
    ]);
  });

  it('serves each log under its url, joined with or without a slash of one’s own', async () => {
    for (const { url, origin } of first.audit.logs) {
      for (const checkpoint of [new URL('checkpoint', url).href, `${url}/checkpoint`]) {
        const answer = await fetch(checkpoint);
        expect({ checkpoint, status: answer.status }).toEqual({ checkpoint, status: 200 });
        expect((await answer.text()).split('\n')[0]).toBe(origin);
      }
    }
  });

  it('signs again after the platform database was killed and brought back, without a restart of audit', async () => {
    const ready = await stack.ready();
    const entries = async (): Promise<number> => {
      const sizes = await Promise.all(
        first.audit.logs.map(async ({ url }) =>
          Number((await (await fetch(`${url}checkpoint`)).text()).split('\n')[1]),
        ),
      );
      return sizes.reduce((sum, size) => sum + size, 0);
    };
    const before = await entries();
    const killed = pidOf(ready, 'platform-postgres');
    process.kill(killed, 'SIGKILL');
    await eventually('audit says that it cannot work', 10_000, async () =>
      (await fetch(`${first.audit.url}/readyz`)).status === 503 ? true : undefined,
    );
    await startAgain(stack, 'platform-postgres', async () => pidOf(await stack.ready(), 'platform-postgres'));
    await eventually('audit can work', 20_000, async () =>
      (await fetch(`${first.audit.url}/readyz`)).status === 200 ? true : undefined,
    );
    const { password } = first.identities.find(({ name }) => name === 'alice') ?? {};
    const { host, port, ca } = first.gateway.postgres;
    const alice = new pg.Client({
      host,
      port,
      user: 'alice',
      database: 'shop',
      password,
      ssl: { ca: await readFile(ca, 'utf8') },
    });
    await alice.connect();
    await alice.query('SELECT 1');
    await alice.end();
    await eventually('a larger checkpoint', 20_000, async () =>
      (await entries()) > before ? true : undefined,
    );
    expect(pidOf(await stack.ready(), 'audit')).toBe(pidOf(ready, 'audit'));
  }, 90_000);

  it('refuses a second start on the same home in one line', async () => {
    const second = await runProgram('start', stack.environment);
    expect(second.code).toBe(1);
    expect(second.err).toMatch(/^countersign: a stack already runs on [^\n]+\n$/);
    expect(pidOf(await stack.ready(), 'gateway')).toBe(pidOf(first, 'gateway'));
  });

  it('does not let its state be deleted while it runs', async () => {
    const reset = await runProgram('reset', stack.environment);
    expect(reset.code).toBe(1);
    expect(reset.err).toContain('npm start runs on');
  });

  it('notices a death, stays, and start:<name> brings that one back and corrects ready.json', async () => {
    const before = pidOf(await stack.ready(), 'audit');
    process.kill(before, 'SIGKILL');
    await eventually('the death is reported', 5_000, () =>
      Promise.resolve(stack.output().includes(`audit (process ${before}) ended`) ? true : undefined),
    );
    const began = performance.now();
    const foreground = await startAgain(stack, 'audit', async () => pidOf(await stack.ready(), 'audit'));
    expect(performance.now() - began).toBeLessThan(5_000);
    const after = pidOf(await stack.ready(), 'audit');
    expect(isAlive(after)).toBe(true);
    const twice = await runProgram('start-one audit', stack.environment);
    expect(twice).toMatchObject({ code: 1, err: expect.stringContaining('audit already runs') as string });
    expect(await foreground.stop()).toBe('0');
    expect(isAlive(after)).toBe(false);
    expect(isAlive(pidOf(await stack.ready(), 'gateway'))).toBe(true);
  }, 60_000);

  it('ends everything at Ctrl-C, what start:<name> brought back included, also when it is pressed twice', async () => {
    await startAgain(stack, 'audit', async () => pidOf(await stack.ready(), 'audit'));
    const { processes } = await stack.ready();
    await admin('CREATE TABLE made_before_the_stop (id int)');
    process.kill(stack.pid, 'SIGINT');
    process.kill(stack.pid, 'SIGINT');
    expect(await stack.exited).toBe('0');
    expect(processes.filter(({ pid }) => isAlive(pid))).toEqual([]);
    await expect(stat(path.join(stack.home, 'ready.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  }, 60_000);

  it('finds its state again, on the same ports', async () => {
    const environment = Object.fromEntries(
      Object.entries(stack.environment).filter(([name]) => !name.endsWith('_PORT')),
    );
    stack = await startOwnStack({ home: stack.home, environment });
    const second = await stack.ready();
    expect(second.gateway.postgres.port).toBe(first.gateway.postgres.port);
    expect(second.idp.issuer).toBe(first.idp.issuer);
    expect(second.targets).toEqual(first.targets);
    const [found] = await admin<{ there: string | null }>(
      "SELECT to_regclass('made_before_the_stop')::text AS there",
    );
    expect(found?.there).toBe('made_before_the_stop');
  }, 90_000);

  it('clears away what a killed supervisor left, and starts anew', async () => {
    const left = (await stack.ready()).processes;
    process.kill(stack.pid, 'SIGKILL');
    await stack.exited;
    expect(left.every(({ pid }) => isAlive(pid))).toBe(true);
    await rm(path.join(stack.home, 'ready.json'));
    stack = await startOwnStack({ home: stack.home, environment: stack.environment });
    expect(stack.output()).toContain('Stopped what an earlier start had left: gateway');
    expect(left.filter(({ pid }) => isAlive(pid))).toEqual([]);
    expect((await stack.ready()).processes.every(({ pid }) => isAlive(pid))).toBe(true);
  }, 120_000);

  it('stops what it started when a part does not start, and says why in one line', async () => {
    await stack.stop();
    const broken = await runProgram('start', {
      ...stack.environment,
      COUNTERSIGN_DECISION_KEYS: path.join(stack.home, 'keys', 'tls-key.pem'),
    });
    expect(broken.code).toBe(1);
    expect(broken.err).toMatch(/^countersign: gateway [^\n]+COUNTERSIGN_DECISION_KEYS[^\n]+\n$/);
    const recorded = JSON.parse(await readFile(path.join(stack.home, 'stack.json'), 'utf8')) as {
      processes: Record<string, { pid: number }>;
    };
    expect(Object.values(recorded.processes).filter(({ pid }) => isAlive(pid))).toEqual([]);
  }, 90_000);
});
