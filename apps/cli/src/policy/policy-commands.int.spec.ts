import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { runCommand } from '../program.js';

const POLICY = `version: 2
default: deny
rules:
  - { id: reads, when: "statement.category == 'read'", effect: allow }
  - { id: pii, description: Customers are personal, when: "'customers' in statement.reads", effect: flag, risk: 40, controls: [CC6.1] }
  - { id: wide, when: "!statement.bounded", effect: review, expires: 5m, reviewers: [{ group: dba, count: 1 }] }
  - { id: no-drop, when: "statement.kind == 'DROP TABLE'", effect: deny }
`;
const DIRECTORY = {
  people: [
    { name: 'alice', groups: ['engineering'] },
    { name: 'bob', groups: ['dba'] },
    { name: 'dana', groups: ['dba'] },
    { name: 'robot', kind: 'agent', groups: ['agents'], owner: 'alice' },
  ],
};
const TARGETS = `targets:
  shop: { kind: postgres, url: "postgresql://app:secret@127.0.0.1:1/shop", environment: production }
`;

let home: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'countersign-policy-cli-'));
  await writeFile(path.join(home, 'policy.yaml'), POLICY);
  await writeFile(path.join(home, 'directory.json'), JSON.stringify(DIRECTORY));
  await writeFile(path.join(home, 'targets.yaml'), TARGETS);
});
afterAll(() => rm(home, { recursive: true }));

const at = (name: string): string => path.join(home, name);

async function run(
  line: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  const out = new PassThrough();
  const err = new PassThrough();
  const text = { out: '', err: '' };
  out.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  err.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  const code = await runCommand(line, {
    environment: { COUNTERSIGN_HOME: home, ...environment },
    out: out as unknown as NodeJS.WriteStream,
    err: err as unknown as NodeJS.WriteStream,
    now: () => Date.UTC(2026, 10, 21, 12),
  });
  return { code, ...text };
}

const json = async (line: readonly string[], environment?: Record<string, string>) => {
  const { code, out } = await run([...line, '--json'], environment);
  return { code, document: JSON.parse(out) };
};

describe('policy check', () => {
  it('names what never decides and what nobody can approve, with the line, and fails', async () => {
    await writeFile(
      at('bad.yaml'),
      `version: 1
rules:
  - { id: all, when: 'true', effect: deny }
  - { id: one, when: "statement.kind == 'SELECT'", effect: allow }
  - { id: two, when: "'x' in statement.reads", effect: review, reviewers: [{ group: nobody, count: 1 }] }
`,
    );
    const { code, document } = await json(['policy', 'check', at('bad.yaml')]);
    expect(code).toBe(1);
    expect(document).toMatchObject({
      ok: false,
      findings: [
        { level: 'error', code: 'shadowed', rule: 'one', line: 4 },
        { level: 'error', code: 'shadowed', rule: 'two', line: 5 },
        { level: 'error', code: 'nobody-can-approve', rule: 'two', line: 5 },
      ],
    });
    const text = await run(['policy', 'check', at('bad.yaml')]);
    expect(text.err).toMatch(
      /^countersign: bad\.yaml:4: rule one: it never decides: [^\n]*\(and 2 more\)\n$/,
    );
  });

  it('holds for a policy without errors', async () => {
    const { code, out } = await run(['policy', 'check', at('policy.yaml')]);
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/^OK: version 2, /) });
  });
});

describe('policy explain', () => {
  const explain = (sql: string, ...more: string[]) =>
    json([
      'policy',
      'explain',
      sql,
      '--as',
      'alice',
      '--target',
      'shop',
      '--policy',
      at('policy.yaml'),
      ...more,
    ]);

  it('says what would be decided, by which rule, and why', async () => {
    const { code, document } = await explain('DELETE FROM orders', '--offline');
    expect(code).toBe(0);
    expect(document).toMatchObject({
      verdict: 'review',
      effect: 'review',
      rule: 'wide',
      expiresMs: 300_000,
      reviewers: [{ group: 'dba', count: 1 }],
      why: ['wide'],
      tables: ['orders'],
      bounded: false,
      incomplete: null,
      estimate: { rows: null },
      policy: { version: 2, source: at('policy.yaml') },
      identity: { name: 'alice', groups: ['engineering'] },
      target: { name: 'shop', environment: 'production' },
      statements: [{ kind: 'DELETE', writes: ['orders'], matches: [{ rule: 'wide', effect: 'review' }] }],
    });
  });

  it('tells flags, risk and controls, and that the target cannot be asked', async () => {
    const { document } = await explain('SELECT email FROM customers');
    expect(document).toMatchObject({
      verdict: 'allow',
      flags: ['pii'],
      risk: 40,
      controls: ['CC6.1'],
      estimate: { rows: null, why: expect.stringMatching(/^the target cannot be asked: /) },
    });
  });

  it('prints the same for people', async () => {
    const { out } = await run([
      ...['policy', 'explain', 'DROP TABLE a; SELECT 1', '--as', 'robot', '--offline'],
      ...['--policy', at('policy.yaml')],
    ]);
    expect(out).toMatch(/^DENY by rule no-drop: rule no-drop\n/);
    expect(out).toMatch(/as {10}robot \(agent; agents\)/);
    expect(out).toMatch(/statement 2 SELECT \(read\)/);
  });

  it.each([
    [['policy', 'explain', 'SELEC 1', '--as', 'alice', '--offline'], /SQLSTATE 42601/],
    [['policy', 'explain', 'SELECT 1', '--as', 'nobody', '--offline'], /nobody here knows "nobody"/],
    [
      ['policy', 'explain', 'SELECT 1', '--as', 'alice', '--target', 'x', '--offline'],
      /there is no target "x": there is shop/,
    ],
    [
      ['policy', 'explain', 'SELECT 1', '--as', 'alice', '--policy', '/no/such', '--offline'],
      /there is no file/,
    ],
  ])('%j fails in one line', async (line, message) => {
    const { code, err } = await run(line);
    expect(code).toBe(1);
    expect(err).toMatch(message);
    expect(err.trimEnd()).not.toContain('\n');
  });
});

describe('policy test', () => {
  const cases = (expectation: string): string => `identity: alice
target: staging
targets: { staging: { environment: staging } }
cases:
  - { name: reads, sql: SELECT 1, expect: allow }
  - { sql: DROP TABLE a, expect: { effect: deny, rule: ${expectation} } }
  - { sql: "SELECT * FROM customers", target: shop, expect: { flags: [pii], risk: 40 } }
`;

  it('holds where every case does; the policy stands for the cases beside it', async () => {
    await writeFile(at('policy.test.yaml'), cases('no-drop'));
    for (const file of ['policy.yaml', 'policy.test.yaml']) {
      const { code, document } = await json(['policy', 'test', at(file)]);
      expect(code).toBe(0);
      expect(document).toMatchObject({
        ok: true,
        cases: [{ name: 'reads', ok: true }, { ok: true }, { ok: true }],
      });
    }
  });

  it('fails where one does not, and says what differs', async () => {
    await writeFile(at('policy.test.yaml'), cases('other'));
    const { code, out, err } = await run(['policy', 'test', at('policy.test.yaml')]);
    expect(code).toBe(1);
    expect(out).toMatch(/FAIL +2: DROP TABLE a +deny by no-drop +rule: expected "other", got "no-drop"/);
    expect(out).toMatch(/2 of 3 cases hold/);
    expect(err).toMatch(/^countersign: 1 of 3 cases do not hold: 2: DROP TABLE a\n$/);
  });

  it('refuses cases it does not understand, with the place', async () => {
    await writeFile(at('odd.test.yaml'), 'cases: [{ sql: SELECT 1, expects: allow }]');
    const { code, err } = await run(['policy', 'test', at('odd.test.yaml')]);
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringMatching(/cases\.0\.expect: /) });
  });
});

describe('policy replay', () => {
  let server: Server;
  let environment: Record<string, string>;
  const asked: string[] = [];
  const producer = '01980000-0000-4000-8000-00000000000a';
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  let sequence = 0;
  const event = (type: string, fields: object) => ({
    id: `01980000-0000-7000-8000-${String(sequence).padStart(12, '0')}`,
    type,
    schemaVersion: 1,
    time: '2026-11-21T11:00:00.000Z',
    tenant: 'default',
    producer,
    producerSeq: sequence++,
    identity: { name: 'alice', kind: 'human', groups: ['engineering'], issuer: 'i', subject: 's' },
    chain: 'c',
    seq: sequence,
    ...fields,
  });
  const intent = (text: string, effect: string, rule: string, more: object = {}, statement: object = {}) =>
    event('statement.intent-recorded', {
      target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
      protocol: 'simple',
      recording: 'strict',
      verdict: { effect, rule, reason: 'r', policyVersion: 1, policyHash: sha256('before') },
      statement: {
        text,
        sha256: sha256(text),
        bytes: text.length,
        kind: text.split(' ')[0],
        kinds: [text.split(' ')[0]],
        category: text.startsWith('SELECT') ? 'read' : 'write',
        reads: text.startsWith('SELECT') ? ['customers'] : [],
        writes: text.startsWith('SELECT') ? [] : ['orders'],
        ...statement,
      },
      ...more,
    });

  beforeAll(async () => {
    const recorded = [
      intent("SELECT * FROM customers WHERE name = 'Somebody Secret'", 'allow', 'reads'),
      intent("DELETE FROM orders WHERE note = 'Secret' OR true", 'allow', 'writes', {}, { bounded: false }),
      intent("DELETE FROM orders WHERE note = 'Secret' OR 1 = 1", 'allow', 'writes', {}, { bounded: false }),
      intent("INSERT INTO orders VALUES ('Secret')", 'review', 'changes'),
      intent('SELECT 1', 'deny', 'unreadable'),
      intent('SELECT 2', 'deny', 'closed', { time: '2026-11-20T11:00:00.000Z' }),
      intent('SELECT 3', 'deny', 'closed', {}, { text: undefined, redacted: ['literals'] }),
    ];
    server = createServer((message, reply) => {
      asked.push(`${message.url} ${message.headers.authorization}`);
      reply.setHeader('content-type', 'application/json');
      reply.end(JSON.stringify({ events: recorded, next_cursor: null, has_more: false }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    environment = {
      COUNTERSIGN_AUDIT_URL: url,
      COUNTERSIGN_APPROVALS_URL: url,
      COUNTERSIGN_TOKEN: 'mine',
    };
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  const line = ['policy', 'replay', '--since', '2h'];

  it('tells by rule what would be decided otherwise, with the caller’s token', async () => {
    const { code, document } = await json([...line, '--policy', at('policy.yaml')], environment);
    expect(code).toBe(0);
    expect(asked.at(-1)).toMatch(/^\/v1\/events\?.* Bearer mine$/);
    expect(document).toMatchObject({
      policy: { version: 2 },
      intents: 6,
      judged: 4,
      same: 0,
      otherMarks: 1,
      stricter: 3,
      looser: 0,
      leftOut: { 'no policy was asked': 1, 'its text is not in the record': 1 },
      changes: [
        {
          from: { effect: 'allow', rule: 'writes' },
          to: { effect: 'review', rule: 'wide' },
          direction: 'stricter',
          count: 2,
        },
        { from: { effect: 'review', rule: 'changes' }, to: { effect: 'deny', rule: 'default' }, count: 1 },
      ],
    });
  });

  it('takes the policy in force with the caller’s token, where it is not named', async () => {
    const { code, err } = await run([...line], environment);
    expect(asked.some((call) => call === '/v1/policy Bearer mine')).toBe(true);
    // This server has events only.
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringMatching(/name the policy with --policy/),
    });
    const directory = [
      '--directory',
      at('directory.json'),
      '--environment',
      'production',
      '--target',
      'shop',
    ];
    const away = { ...environment, COUNTERSIGN_HOME: '/no/such/home' };
    const explained = await run(['policy', 'explain', 'SELECT 1', '--as', 'alice', ...directory], away);
    expect(explained.err).toMatch(/name the policy with --policy/);
  });

  it('prints no literal unless it is asked for', async () => {
    const quiet = await run([...line, '--policy', at('policy.yaml')], environment);
    expect(quiet.out).toMatch(/DELETE on orders \(sha256 [0-9a-f]{12}…\)/);
    expect(quiet.out).not.toContain('Secret');
    const loud = await run([...line, '--policy', at('policy.yaml'), '--literals'], environment);
    expect(loud.out).toContain("note = 'Secret'");
  });

  it('fails on a change where that is asked for', async () => {
    const { code, err } = await run(
      [...line, '--policy', at('policy.yaml'), '--fail-on-change'],
      environment,
    );
    expect(code).toBe(1);
    expect(err).toMatch(/^countersign: 3 of 4 statements would be decided otherwise\n$/);
  });
});
