import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { runCommand } from './program.js';

const REQUEST = '01980000-0000-7000-8000-000000000001';

interface Call {
  readonly line: string;
  readonly token: string | undefined;
  readonly body: unknown;
}

let home: string;
let server: Server;
let url: string;
let calls: Call[];
/** What the service answers to the next calls, by method and path; a list is used up one by one. */
let answers: Record<string, [status: number, body: unknown][]>;

const request = (state: string) => ({
  id: REQUEST,
  state,
  requester: 'alice',
  target: 'shop',
  rule: 'schema-change',
  needed: 1,
  statement: { text: 'ALTER TABLE customers\n  ADD COLUMN tier text', sha256: 'ab'.repeat(32) },
  votes: [],
});

async function bodyOf(message: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of message) text += String(chunk);
  return text === '' ? undefined : JSON.parse(text);
}

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'countersign-cli-'));
  server = createServer((message, reply) => {
    void bodyOf(message).then((body) => {
      const line = `${message.method} ${message.url}`;
      calls.push({ line, token: message.headers.authorization, body });
      const [status, document] = answers[line]?.shift() ?? [404, { title: 'Not found' }];
      reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const identity = (name: string) => ({ name, groups: [], password: `p-${name}`, token: `t-${name}` });
  const ready: ReadyFile = {
    gateway: { postgres: { host: '127.0.0.1', port: 1, ca: 'ca.pem' }, url },
    approvals: { url },
    audit: { url, logs: [] },
    idp: { issuer: url },
    targets: {},
    platform: { adminUrl: 'postgresql://127.0.0.1:1/x' },
    eventLog: { kind: 'embedded', brokers: [] },
    processes: [],
    identities: [identity('alice'), identity('bob'), identity('carol')],
  };
  await writeFile(path.join(home, 'ready.json'), JSON.stringify(ready));
});

beforeEach(() => {
  calls = [];
  answers = {};
});

afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await rm(home, { recursive: true });
});

async function run(
  line: string[],
  environment: Record<string, string> = { COUNTERSIGN_HOME: home },
): Promise<{ code: number; out: string; err: string }> {
  const out = new PassThrough();
  const err = new PassThrough();
  const text = { out: '', err: '' };
  out.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  err.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  const code = await runCommand(line, {
    environment,
    out: out as unknown as NodeJS.WriteStream,
    err: err as unknown as NodeJS.WriteStream,
    now: () => Date.now(),
  });
  return { code, ...text };
}

describe('who acts', () => {
  const list = `GET /v1/requests`;

  it.each([
    ['before the command', ['--as', 'bob', 'requests', 'list'], 'Bearer t-bob'],
    ['after the command', ['requests', 'list', '--as', 'bob'], 'Bearer t-bob'],
    ['nowhere', ['requests', 'list'], 'Bearer t-carol'],
  ])('is whom --as names %s', async (_where, line, token) => {
    answers[list] = [[200, { requests: [], next: null }]];
    const { code } = await run(line);
    expect({ code, token: calls[0]?.token }).toEqual({ code: 0, token });
  });

  it('is the bearer of COUNTERSIGN_TOKEN, unless --as says otherwise', async () => {
    const environment = { COUNTERSIGN_HOME: home, COUNTERSIGN_TOKEN: 'mine' };
    answers[list] = [
      [200, { requests: [] }],
      [200, { requests: [] }],
    ];
    await run(['requests', 'list'], environment);
    await run(['requests', 'list', '--as', 'alice'], environment);
    expect(calls.map(({ token }) => token)).toEqual(['Bearer mine', 'Bearer t-alice']);
  });

  it('works without a stack, with a token and addresses', async () => {
    answers[list] = [[200, { requests: [] }]];
    const { code } = await run(['requests', 'list'], {
      COUNTERSIGN_HOME: '/no/such/home',
      COUNTERSIGN_TOKEN: 'mine',
      COUNTERSIGN_APPROVALS_URL: url,
      COUNTERSIGN_AUDIT_URL: url,
    });
    expect(code).toBe(0);
  });

  it('is nobody unknown', async () => {
    const { code, err } = await run(['--as', 'mallory', 'requests', 'list']);
    expect(code).toBe(1);
    expect(err).toBe('countersign: there is no identity "mallory": --as takes one of alice, bob, carol\n');
  });
});

describe('requests', () => {
  it('list follows next through every page, and prints one JSON document', async () => {
    answers['GET /v1/requests?state=pending'] = [[200, { requests: [request('pending')], next: '7' }]];
    answers['GET /v1/requests?state=pending&after=7'] = [
      [200, { requests: [{ ...request('pending'), id: 'older' }], next: null }],
    ];
    const { code, out } = await run(['--json', 'requests', 'list', '--state', 'pending']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ requests: [{ id: REQUEST }, { id: 'older' }], next: null });
  });

  it('list puts each request on one line, whatever its statement contains', async () => {
    const evil = { ...request('pending'), statement: { text: 'SELECT\u001b[2J\n1', sha256: '' } };
    answers['GET /v1/requests'] = [[200, { requests: [evil] }]];
    const { out } = await run(['requests', 'list']);
    expect(out.trimEnd().split('\n')).toHaveLength(2);
    expect(out).not.toContain('\u001b');
    expect(out).toContain('SELECT [2J 1');
  });

  it('approve votes and prints the state after the vote', async () => {
    answers[`POST /v1/requests/${REQUEST}/votes`] = [[200, request('granted')]];
    const { code, out } = await run(['requests', 'approve', REQUEST, '--as', 'bob', '--reason', 'fine']);
    expect(code).toBe(0);
    expect(out).toContain(`${REQUEST} granted`);
    expect(calls[0]?.body).toEqual({ decision: 'approve', reason: 'fine' });
  });

  it('passes a refusal on in one line, and fails', async () => {
    answers[`POST /v1/requests/${REQUEST}/votes`] = [
      [403, { title: 'Not yours to decide', detail: 'It is your own request.' }],
    ];
    const { code, out, err } = await run(['requests', 'approve', REQUEST, '--as', 'alice']);
    expect({ code, out, err }).toEqual({
      code: 1,
      out: '',
      err: 'countersign: Not yours to decide: It is your own request.\n',
    });
  });

  it('deny needs a reason before anything is sent', async () => {
    const { code, err } = await run(['requests', 'deny', REQUEST]);
    expect(code).toBe(1);
    expect(err).toMatch(/^countersign: deny needs a reason/);
    expect(calls).toEqual([]);
  });

  it.each([
    ['granted', 0],
    ['consumed', 0],
    ['refused', 1],
    ['expired', 1],
  ])('wait ends with %s as exit status %i', async (state, status) => {
    answers[`GET /v1/requests/${REQUEST}`] = [[200, request('pending')]];
    answers[`GET /v1/requests/${REQUEST}/wait?timeout=30`] = [
      [200, request('pending')],
      [200, request(state)],
    ];
    const { code, out } = await run(['--json', 'requests', 'wait', REQUEST]);
    expect(code).toBe(status);
    expect(JSON.parse(out)).toMatchObject({ state });
  });

  it('says where it looked when the service is down', async () => {
    const { code, err } = await run(['requests', 'list'], {
      COUNTERSIGN_HOME: home,
      COUNTERSIGN_APPROVALS_URL: 'http://127.0.0.1:9',
    });
    expect(code).toBe(1);
    expect(err).toMatch(/^countersign: approvals does not answer at http:\/\/127\.0\.0\.1:9 /);
    expect(err.trimEnd()).not.toContain('\n');
  });
});

describe('events', () => {
  const event = (id: string, fields: object) => ({
    id,
    type: 'a.b',
    time: '2026-01-01T00:00:00.000Z',
    ...fields,
  });
  /** `asked`: what the command passes on for audit to look for. */
  const feed = (asked: string): void => {
    answers[`GET /v1/events?limit=1000${asked}`] = [
      [200, { events: [event('1', { requestId: 'r' }), event('2', {})], next_cursor: 'c', has_more: true }],
    ];
    answers[`GET /v1/events?limit=1000&after=c${asked}`] = [
      [
        200,
        {
          events: [event('3', { requestId: 'r', identity: { name: 'bob' } })],
          next_cursor: 'd',
          has_more: false,
        },
      ],
    ];
  };

  it('prints every match of every page, one JSON object a line', async () => {
    feed('&requestId=r');
    const { code, out } = await run(['events', '--request', 'r']);
    expect(code).toBe(0);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual(['1', '3']);
  });

  it('prints one document with --json', async () => {
    feed('&identity=bob');
    const { out } = await run(['events', '--identity', 'bob', '--json']);
    expect(JSON.parse(out)).toEqual([event('3', { requestId: 'r', identity: { name: 'bob' } })]);
  });

  it('tells the life of a request in the order it happened, whatever was sealed first', async () => {
    const events = ['3', '1', '2'].map((id) => event(id, { requestId: 'r' }));
    answers['GET /v1/events?limit=1000&requestId=r'] = [[200, { events, next_cursor: 'c', has_more: false }]];
    const { out } = await run(['events', '--request', 'r', '--json']);
    expect((JSON.parse(out) as { id: string }[]).map(({ id }) => id)).toEqual(['1', '2', '3']);
  });

  it.each([
    ['a refusal', ['events', '--json'], 1],
    ['a command that is not there', ['--json', 'evidence', 'list'], 2],
  ])('prints one document with --json for %s too', async (_what, argv, status) => {
    const { code, out, err } = await run(argv);
    expect(code).toBe(status);
    expect(JSON.parse(out)).toEqual({ error: expect.any(String) as string });
    expect(err).toMatch(/^countersign: [^\n]+\n$/);
  });

  it('refuses a time it cannot read', async () => {
    const { code, err } = await run(['events', '--since', 'yesterday']);
    expect(code).toBe(2);
    expect(err).toContain('must be a time');
  });
});

describe('policy check', () => {
  const file = (): string => path.join(home, 'policy.yaml');

  it('says OK to what the services would take', async () => {
    await writeFile(file(), 'version: 3\nmasking: off\ndefault: allow\n');
    const { code, out } = await run(['policy', 'check', file(), '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ ok: true, version: 3, masking: 'off' });
  });

  it('names the line of what they would refuse', async () => {
    await writeFile(file(), 'version: 3\nmasking: off\ndefault: perhaps\n');
    const { code, out, err } = await run(['policy', 'check', file()]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^countersign: policy\.yaml:3: [^\n]+\n$/);
  });
});

describe('ledger verify', () => {
  it('asks for the keys it is to trust, and never takes the database’s word', async () => {
    const { code, err } = await run(['ledger', 'verify', '--trust', '/no/such/folder']);
    expect(code).toBe(1);
    expect(err).toMatch(/^countersign: there is no folder \/no\/such\/folder [^\n]+--trust\n$/);
  });

  it('says INCONCLUSIVE, not OK, when the database cannot be read', async () => {
    const { code, out } = await run(['--json', 'ledger', 'verify', '--trust', home]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ verdict: 'INCONCLUSIVE', entries: 0 });
  });
});

describe('the command line', () => {
  it.each([[['requsts', 'list']], [['requests', 'show']], [['requests', 'list', '--state', 'lost']]])(
    'refuses %j with exit status 2',
    async (line) => {
      const { code, out, err } = await run(line);
      expect(code).toBe(2);
      expect(out).toBe('');
      expect(err).not.toBe('');
    },
  );

  it('explains itself with exit status 0', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    expect(out).toContain('requests');
  });
});
