import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { countersign } from '#deploy/local/demo/command-line.js';
import { eventually } from './eventually.js';
import { connectAs } from './gateway-client.js';
import { startLocalStack, type CliResult, type LocalStack } from './local-stack.js';

interface Report {
  verdict: string;
  entries: number;
  findings: { kind: string; chain: string; seq: number }[];
  notices?: string[];
}

interface Sealed {
  id: string;
  type: string;
  chain: string;
  seq: number;
}

describe('The ledger, as an auditor meets it', () => {
  let stack: LocalStack;
  let folder: string;
  let platform: pg.Client;
  let events: Sealed[];
  let log: LocalStack['ready']['audit']['logs'][number];

  beforeAll(async () => {
    stack = await startLocalStack();
    folder = await mkdtemp(path.join(tmpdir(), 'countersign-evidence-'));
    platform = new pg.Client({ connectionString: stack.ready.platform.adminUrl });
    await platform.connect();
    const alice = await connectAs(stack, 'alice');
    for (let n = 0; n < 8; n += 1) await alice.query(`SELECT count(*) FROM customers WHERE id > ${n}`);
    const before = await eventually('the first statements are signed', 30_000, () => signedEvents(16));
    log = stack.ready.audit.logs.find(({ origin }) => origin.endsWith(`/${before[0]?.chain}`)) as typeof log;
    for (let n = 0; n < 8; n += 1) await alice.query(`SELECT count(*) FROM orders WHERE id > ${n}`);
    await alice.end();
    events = await eventually('everything is signed', 30_000, () => signedEvents(34));
  }, 150_000);

  afterAll(async () => {
    await platform.end();
    await rm(folder, { recursive: true, force: true });
    await stack.stop();
  }, 60_000);

  /** Alice's events, once there are that many and a checkpoint covers the last of them. */
  async function signedEvents(count: number): Promise<Sealed[] | undefined> {
    const { stdout } = await stack.cli(['events', '--identity', 'alice']);
    const found = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Sealed);
    const last = found.at(-1);
    if (last === undefined || found.length < count) return undefined;
    return (await stack.cli(['ledger', 'prove', last.id])).code === 0 ? found : undefined;
  }

  const verify = async (...args: string[]): Promise<CliResult & { report: Report }> => {
    const result = await stack.cli(['ledger', 'verify', '--json', ...args]);
    return { ...result, report: JSON.parse(result.stdout) as Report };
  };

  /** Somebody with the files and a key, and nothing of this installation. */
  const stranger = async (...args: string[]): Promise<CliResult> => {
    const { code, out, err } = await countersign(
      { PATH: process.env['PATH'] ?? '', COUNTERSIGN_HOME: path.join(folder, 'nothing-here') },
      ...args,
    );
    return { code, stdout: out, stderr: err };
  };

  it('verifies in the database, for people and as exactly one JSON document', async () => {
    const plain = await stack.cli(['ledger', 'verify']);
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    expect(plain.stdout).toMatch(/^OK: [0-9]+ entries verified\n$/);
    const { code, report } = await verify();
    expect(code).toBe(0);
    expect(report).toEqual({ verdict: 'OK', entries: expect.any(Number) as number, findings: [] });
    expect(report.entries).toBeGreaterThanOrEqual(events.length);
  });

  it('verifies over HTTP, payloads included for compliance and left out, with a word, for others', async () => {
    const carol = await verify('--http');
    expect(carol.report).toEqual({ verdict: 'OK', entries: expect.any(Number) as number, findings: [] });
    const bob = await verify('--http', '--as', 'bob');
    expect(bob.report).toMatchObject({
      verdict: 'OK',
      notices: [expect.stringContaining('payloads were not checked') as string],
    });
    const none = await verify('--http', '--no-payloads', '--as', 'bob');
    expect(none.report.notices).toBeUndefined();
  });

  it('verifies one log for a stranger with nothing but its URL and key, and not with another key', async () => {
    const good = await stranger('ledger', 'verify', '--json', '--url', log.url, '--vkey', log.vkey);
    expect(JSON.parse(good.stdout)).toMatchObject({ verdict: 'OK', findings: [] });
    expect(good.code).toBe(0);
    const other = stack.ready.audit.logs.find(({ origin }) => origin !== log.origin) as typeof log;
    const wrong = await stranger('ledger', 'verify', '--json', '--url', log.url, '--vkey', other.vkey);
    expect(JSON.parse(wrong.stdout)).toMatchObject({
      verdict: 'TAMPERED',
      findings: [{ kind: 'NO_TRUSTED_SIGNATURE' }],
    });
    expect(wrong.code).not.toBe(0);
    expect((await stranger('ledger', 'verify', '--url', log.url)).code).not.toBe(0);
  });

  it('finds a changed payload in the database and over HTTP, and names the entry', async () => {
    const victim = events[5] as Sealed;
    const flip = `BEGIN; ALTER TABLE ledger.payloads DISABLE TRIGGER append_only;
      UPDATE ledger.payloads p SET payload = set_byte(payload, 9, get_byte(payload, 9) # 1)
      FROM ledger.chains c WHERE c.chain = p.chain AND c.name = '${victim.chain}' AND p.seq = ${victim.seq};
      ALTER TABLE ledger.payloads ENABLE ALWAYS TRIGGER append_only; COMMIT`;
    await platform.query(flip);
    try {
      for (const way of [[], ['--http'], ['--url', log.url]]) {
        const { code, report } = await verify(...way);
        expect({ way, code: code === 0 ? 0 : 1, ...report }).toMatchObject({
          way,
          code: 1,
          verdict: 'TAMPERED',
          findings: [{ kind: 'PAYLOAD_MISMATCH', chain: victim.chain, seq: victim.seq }],
        });
      }
    } finally {
      await platform.query(flip);
    }
    expect((await verify('--http')).report.verdict).toBe('OK');
  });

  it('proves one event in files of its reader alone, and anybody checks them offline', async () => {
    const event = events.find(({ type }) => type === 'statement.intent-recorded') as Sealed;
    const proved = await stack.cli(['ledger', 'prove', event.id, '--out', folder]);
    expect(proved).toMatchObject({ code: 0, stderr: '' });
    const files = (await readdir(folder)).filter((name) => name.startsWith(event.id)).toSorted();
    expect(files).toEqual(['entry', 'payload', 'salt', 'tlog-proof'].map((kind) => `${event.id}.${kind}`));
    for (const name of files) expect((await stat(path.join(folder, name))).mode & 0o077).toBe(0);
    const file = path.join(folder, `${event.id}.tlog-proof`);
    const check = (): Promise<CliResult> =>
      stranger('ledger', 'verify', '--json', '--proof', file, '--vkey', log.vkey);
    const good = await check();
    expect(JSON.parse(good.stdout)).toMatchObject({
      verdict: 'OK',
      proven: { eventId: event.id, chain: event.chain, seq: event.seq, payload: 'as committed' },
    });
    expect(good.code).toBe(0);
    const payload = path.join(folder, `${event.id}.payload`);
    await writeFile(payload, (await readFile(payload, 'utf8')).replace('alice', 'erica'));
    const bad = await check();
    expect(JSON.parse(bad.stdout)).toMatchObject({
      verdict: 'TAMPERED',
      findings: [{ kind: 'PAYLOAD_MISMATCH', chain: event.chain, seq: event.seq }],
    });
    expect(bad.code).not.toBe(0);
    const unknown = await stack.cli(['ledger', 'prove', '--json', '0198c5a0-0000-7000-8000-0000000000ee']);
    expect(unknown.code).not.toBe(0);
    expect(JSON.parse(unknown.stdout)).toEqual({ error: expect.stringContaining('no event') as string });
  });

  it('proves that a log only grew between two of its checkpoints', async () => {
    const chain = (events[0] as Sealed).chain;
    const { rows } = await platform.query<{ size: string }>(
      `SELECT size::text FROM ledger.checkpoints JOIN ledger.chains c USING (chain)
       WHERE c.name = $1 AND size > 0 ORDER BY checkpoints.size`,
      [chain],
    );
    const [from, to] = [rows[0]?.size as string, rows.at(-1)?.size as string];
    expect(Number(from)).toBeLessThan(Number(to));
    const args = ['--chain', chain, '--from', from, '--to', to, '--out', folder];
    expect(await stack.cli(['ledger', 'prove', ...args])).toMatchObject({ code: 0, stderr: '' });
    const file = path.join(folder, `${chain.replace('/', '-')}-${from}-${to}.consistency`);
    const good = await stranger('ledger', 'verify', '--json', '--proof', file, '--vkey', log.vkey);
    expect(JSON.parse(good.stdout)).toMatchObject({
      verdict: 'OK',
      proven: { chain, from: Number(from), to: Number(to) },
    });
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(`old ${from}\n`, `old ${Number(from) + 1}\n`));
    expect((await stranger('ledger', 'verify', '--proof', file, '--vkey', log.vkey)).code).not.toBe(0);
  });

  it('plays every attack against a copy, finds each, and leaves the ledger as it was', async () => {
    expect((await stack.cli(['ledger', 'attack'])).code).toBe(2);
    const { code, stdout } = await stack.cli(['ledger', 'attack', '--copy', '--seed', '11', '--json']);
    const card = JSON.parse(stdout) as {
      passed: boolean;
      falseAlarms: unknown[];
      scores: { attack: string; detected: boolean; named: boolean; located: boolean }[];
    };
    expect(card.scores.filter(({ detected, named, located }) => !(detected && named && located))).toEqual([]);
    expect(card).toMatchObject({ passed: true, falseAlarms: [] });
    expect(card.scores.length).toBeGreaterThan(45);
    expect(code).toBe(0);
    expect((await verify()).report.verdict).toBe('OK');
    const { rows } = await platform.query(
      `SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1', $1)`,
      [(await platform.query<{ name: string }>('SELECT current_database() AS name')).rows[0]?.name],
    );
    expect(rows).toEqual([]);
  }, 180_000);
});
