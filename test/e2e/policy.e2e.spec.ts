import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { eventually } from '#libs/testing/eventually.js';
import { startLocalStack, type LocalStack } from './local-stack.js';

const policyOf = (version: number, rules: string, head = ''): string =>
  `version: ${version}\n${head}default: allow\nrules: ${rules}\n`;
const NO_INSERT = `[{ id: no-insert, when: "statement.kind == 'INSERT'", effect: deny }]`;

let stack: LocalStack;
let folder: string;
let client: pg.Client;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'countersign-policy-e2e-'));
  await writeFile(path.join(folder, 'policy.yaml'), policyOf(1, '[]'));
  stack = await startLocalStack({
    environment: { KAFKA_BROKERS: '', COUNTERSIGN_POLICY: path.join(folder, 'policy.yaml') },
  });
  const { host, port } = stack.ready.gateway.postgres;
  const alice = stack.ready.identities.find(({ name }) => name === 'alice');
  client = new pg.Client({
    host,
    port,
    user: 'alice',
    password: alice?.password ?? '',
    database: 'shop',
    ssl: { rejectUnauthorized: false },
  });
  await client.connect();
  await client.query('CREATE TABLE notes (n int)');
}, 240_000);
afterAll(async () => {
  await client?.end();
  await stack?.stop();
  await rm(folder, { recursive: true });
}, 120_000);

const codeOf = (sql: string): Promise<string | undefined> =>
  client.query(sql).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );

const json = async (...args: string[]): Promise<{ code: number; document: Record<string, unknown> }> => {
  const { code, stdout } = await stack.cli([...args, '--json']);
  return { code, document: JSON.parse(stdout) as Record<string, unknown> };
};

describe('a policy file that changes under a running stack', () => {
  it('counts in a session that stays open, and is in the ledger with author, reason and difference', async () => {
    expect(await codeOf('INSERT INTO notes VALUES (1)')).toBeUndefined();
    const head = 'change: { author: dana, reason: TICKET-9 }\n';
    await writeFile(path.join(folder, 'policy.yaml'), policyOf(2, NO_INSERT, head));
    await eventually(async () => expect(await codeOf('INSERT INTO notes VALUES (2)')).toBe('42501'), 60_000);
    await eventually(async () => {
      const { stdout } = await stack.cli(['events', '--since', '1h']);
      const events = stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(events).toContainEqual(
        expect.objectContaining({
          type: 'policy.published',
          policyVersion: 2,
          author: 'dana',
          reason: 'TICKET-9',
          diff: expect.objectContaining({ added: ['no-insert'] }),
        }),
      );
      expect(events).toContainEqual(expect.objectContaining({ type: 'policy.applied', policyVersion: 2 }));
    }, 60_000);
  }, 240_000);

  it('that is broken, or older, changes nothing and says why', async () => {
    await writeFile(path.join(folder, 'policy.yaml'), policyOf(1, '[]'));
    await eventually(async () => {
      const { stdout } = await stack.cli(['events', '--since', '1h']);
      expect(stdout).toMatch(/"type":"policy\.rejected"[^\n]*version: 1 is below 2/);
    }, 60_000);
    expect(await codeOf('INSERT INTO notes VALUES (3)')).toBe('42501');
  }, 240_000);

  it('is what explain judges by, with the catalog and the planner of the target', async () => {
    const { code, document } = await json(
      'policy',
      'explain',
      'INSERT INTO notes VALUES (4)',
      '--as',
      'alice',
    );
    expect(code).toBe(0);
    expect(document).toMatchObject({
      verdict: 'deny',
      rule: 'no-insert',
      policy: { version: 2, source: 'in force' },
      target: { name: 'shop', environment: 'production' },
      estimate: { rows: 1 },
    });
  }, 240_000);

  it('is compared by replay with what was decided', async () => {
    await writeFile(path.join(folder, 'candidate.yaml'), policyOf(3, '[]'));
    await eventually(async () => {
      const args = ['policy', 'replay', '--since', '1h', '--policy', path.join(folder, 'candidate.yaml')];
      const { document } = await json(...args);
      expect(document['changes']).toContainEqual(
        expect.objectContaining({
          from: { effect: 'deny', rule: 'no-insert' },
          to: { effect: 'allow', rule: 'default' },
          direction: 'looser',
        }),
      );
    }, 60_000);
  }, 240_000);
});

describe('a policy whose changes are signed', () => {
  const guarded = (version: number, author: string, rules: string): string =>
    policyOf(
      version,
      rules,
      `change: { author: ${author}, reason: TICKET-${version} }\npolicyChanges: { reviewers: [{ group: dba, count: 1 }] }\n`,
    );

  it('is replaced by what a colleague signs for on the command line, also when approvals is killed in between', async () => {
    const file = path.join(folder, 'policy.yaml');
    await writeFile(file, guarded(3, 'dana', NO_INSERT));
    await eventually(async () => {
      const { document } = await json('policy', 'explain', 'SELECT 1', '--as', 'alice');
      expect(document).toMatchObject({ policy: { version: 3 } });
    }, 60_000);

    await writeFile(file, guarded(4, 'bob', '[]'));
    const pending = async (): Promise<string> => {
      const { document } = await json('policy', 'changes', 'list', '--state', 'pending', '--as', 'bob');
      const [found] = document['changes'] as { id: string; version: number }[];
      expect(found).toMatchObject({ version: 4, author: 'bob', needed: 1 });
      return found?.id as string;
    };
    await eventually(async () => void (await pending()), 60_000);
    const id = await pending();
    const { stdout } = await stack.cli(['policy', 'changes', 'show', id, '--as', 'dana']);
    expect(stdout).toMatch(/author +bob \(as the file says\)[^]*rules +-no-insert[^]*-version: 3/);

    await stack.kill('approvals');
    const approvals = await stack.startAgain('approvals');
    expect(await pending()).toBe(id);
    expect(await stack.cli(['policy', 'changes', 'approve', id, '--as', 'bob'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Nobody signs a change of policy they made/),
    });
    expect(await codeOf('INSERT INTO notes VALUES (5)')).toBe('42501');
    expect(await stack.cli(['policy', 'changes', 'approve', id, '--as', 'dana'])).toMatchObject({ code: 0 });
    await stack.kill('approvals');
    await approvals.exited;
    const again = await stack.startAgain('approvals');
    await eventually(
      async () => expect(await codeOf('INSERT INTO notes VALUES (6)')).toBeUndefined(),
      60_000,
    );

    await eventually(async () => {
      const found = (await stack.cli(['events', '--request', id])).stdout;
      const types = found
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { type: string }).type);
      expect(types.sort()).toEqual([
        'policy-change.accepted',
        'policy-change.proposed',
        'policy-change.vote-cast',
        'policy-change.vote-refused',
        'policy.published',
      ]);
    }, 60_000);
    const verified = await stack.cli(['ledger', 'verify', '--json']);
    expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: 'OK', findings: [] });
    await again.stop();
  }, 240_000);
});
