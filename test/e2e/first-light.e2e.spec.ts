import { generateKeyPairSync } from 'node:crypto';
import pg from 'pg';
import { eventLogsUnderTest } from './event-logs.js';
import { eventually } from './eventually.js';
import { connectAs, heldRequestId } from './gateway-client.js';
import { startLocalStack, type LocalStack } from './local-stack.js';

interface LedgerReport {
  verdict: string;
  entries: number;
  findings: { kind: string; chain: string; seq: number }[];
}

interface SealedEvent {
  type: string;
  requestId?: string;
  outcome?: string;
  chain: string;
  seq: number;
  [field: string]: unknown;
}

describe.each(eventLogsUnderTest())('First light over the $kind event log', ({ environment }) => {
  let stack: LocalStack;

  beforeAll(async () => {
    stack = await startLocalStack({ environment: environment() });
  }, 120_000);

  afterAll(async () => {
    await stack.stop();
  }, 60_000);

  const eventsOf = async (requestId: string): Promise<SealedEvent[]> => {
    const { stdout } = await stack.cli(['events', '--request', requestId]);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as SealedEvent);
  };

  const outcomeOf = (requestId: string): Promise<SealedEvent> =>
    eventually(`the outcome of ${requestId} is sealed`, 15_000, async () =>
      (await eventsOf(requestId)).find((event) => event.type === 'statement.outcome-recorded'),
    );

  it('runs a SELECT and seals its intent and outcome', async () => {
    const alice = await connectAs(stack, 'alice');
    const { rows } = await alice.query<{ n: string }>('SELECT count(*) AS n FROM customers');
    await alice.end();
    expect(Number(rows[0]?.n)).toBeGreaterThanOrEqual(1000);
    const intents = await eventually('the SELECT is sealed', 15_000, async () => {
      const { stdout } = await stack.cli(['events', '--identity', 'alice']);
      return stdout.includes('SELECT count(*) AS n FROM customers') ? stdout : undefined;
    });
    expect(intents).toContain('statement.intent-recorded');
  });

  it('refuses DROP TABLE with the rule name and keeps the session', async () => {
    const alice = await connectAs(stack, 'alice');
    await expect(alice.query('DROP TABLE customers')).rejects.toMatchObject({
      code: '42501',
      severity: 'ERROR',
      message: expect.stringContaining('no-drop') as string,
    });
    await expect(alice.query('SELECT 1 AS one')).resolves.toMatchObject({ rows: [{ one: 1 }] });
    await alice.end();
  });

  it('holds ALTER TABLE, refuses the requester, her agent and engineers, and runs it in the same session once bob approves', async () => {
    const alice = await connectAs(stack, 'alice');
    await alice.query("SET application_name = 'first-light'");
    const altering = alice.query('ALTER TABLE customers ADD COLUMN tier text');
    const requestId = await heldRequestId(alice);
    await eventually('the request is listed', 10_000, async () => {
      const { stdout } = await stack.cli(['--as', 'bob', 'requests', 'list', '--json']);
      return stdout.includes(requestId) ? true : undefined;
    });
    for (const nobody of ['alice', 'etl-agent', 'erin', 'carol']) {
      const vote = await stack.cli(['--as', nobody, 'requests', 'approve', requestId]);
      expect({ nobody, refused: vote.code !== 0 }).toEqual({ nobody, refused: true });
    }
    await stack.cli(['--as', 'bob', 'requests', 'comment', requestId, 'looking at it']);
    await eventually('alice is told what bob says', 15_000, () =>
      Promise.resolve(alice.details.some((text) => text.includes('bob says: looking at it')) || undefined),
    );
    const approval = await stack.cli(['--as', 'bob', 'requests', 'approve', requestId]);
    expect(approval.stderr).toBe('');
    expect(approval.code).toBe(0);
    await expect(altering).resolves.toMatchObject({ command: 'ALTER' });
    await expect(alice.query('SHOW application_name')).resolves.toMatchObject({
      rows: [{ application_name: expect.stringContaining('first-light') as string }],
    });
    await expect(alice.query('SELECT tier FROM customers LIMIT 1')).resolves.toMatchObject({
      rows: [{ tier: null }],
    });
    await alice.end();
    expect((await outcomeOf(requestId)).outcome).toBe('completed');
    const types = await eventually('the whole life is sealed', 15_000, async () => {
      const found = (await eventsOf(requestId)).map((event) => event.type);
      return found.includes('request.consumed') ? found : undefined;
    });
    for (const type of [
      'statement.intent-recorded',
      'review.asked',
      'request.requested',
      'request.routed',
      'request.vote-refused',
      'request.vote-cast',
      'request.granted',
      'decision.issued',
      'review.released',
      'statement.outcome-recorded',
      'review.concluded',
      'request.consumed',
    ]) {
      expect(types).toContain(type);
    }
    const decided = ['request.vote-cast', 'request.granted', 'decision.issued', 'review.released'];
    expect(types.filter((type) => decided.includes(type))).toEqual(decided);
  }, 90_000);

  it('gives an ordinary error with reviewer and reason when bob denies, and the session lives on', async () => {
    const alice = await connectAs(stack, 'alice');
    const creating = alice.query('CREATE TABLE refused_table (id int)');
    const refusal = creating.then(
      () => undefined,
      (error: unknown) => error as pg.DatabaseError,
    );
    const requestId = await heldRequestId(alice);
    const withoutReason = await stack.cli(['--as', 'bob', 'requests', 'deny', requestId]);
    expect(withoutReason.code).not.toBe(0);
    const denial = await eventually('bob can deny', 10_000, async () => {
      const vote = await stack.cli([
        '--as',
        'bob',
        'requests',
        'deny',
        requestId,
        '--reason',
        'not before the release',
      ]);
      return vote.code === 0 ? vote : undefined;
    });
    expect(denial.code).toBe(0);
    const error = await refusal;
    expect(error).toMatchObject({ code: '42501', severity: 'ERROR' });
    expect(error?.detail).toContain('bob');
    expect(error?.detail).toContain('not before the release');
    await expect(alice.query("SELECT to_regclass('refused_table') AS t")).resolves.toMatchObject({
      rows: [{ t: null }],
    });
    await alice.end();
    expect((await outcomeOf(requestId)).outcome).toBe('refused');
  });

  it('does not let the owner of an agent approve what the agent asks', async () => {
    const agent = await connectAs(stack, 'etl-agent');
    const creating = agent.query('CREATE TABLE agent_table (id int)').catch((error: unknown) => error);
    const requestId = await heldRequestId(agent);
    await eventually('the request is listed', 10_000, async () => {
      const { stdout } = await stack.cli(['--as', 'dana', 'requests', 'list', '--json']);
      return stdout.includes(requestId) ? true : undefined;
    });
    expect((await stack.cli(['--as', 'alice', 'requests', 'approve', requestId])).code).not.toBe(0);
    expect((await stack.cli(['--as', 'etl-agent', 'requests', 'approve', requestId])).code).not.toBe(0);
    expect((await stack.cli(['--as', 'dana', 'requests', 'approve', requestId])).code).toBe(0);
    await expect(creating).resolves.toMatchObject({ command: 'CREATE' });
    await agent.query('SELECT 1');
    await agent.end();
  });

  it('runs nothing when the client goes away while its statement is held', async () => {
    const alice = await connectAs(stack, 'alice');
    alice.query('CREATE TABLE never_made (id int)').catch(() => undefined);
    const requestId = await heldRequestId(alice);
    (alice as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    expect((await outcomeOf(requestId)).outcome).toBe('cancelled');
    await eventually('the request is closed', 10_000, async () => {
      const { stdout } = await stack.cli(['--as', 'bob', 'requests', 'show', requestId, '--json']);
      return (JSON.parse(stdout) as { state: string }).state === 'cancelled' ? true : undefined;
    });
    expect((await stack.cli(['--as', 'bob', 'requests', 'approve', requestId])).code).not.toBe(0);
    const admin = new pg.Client({ connectionString: stack.ready.targets['shop']?.adminUrl });
    await admin.connect();
    await expect(admin.query("SELECT to_regclass('never_made') AS t")).resolves.toMatchObject({
      rows: [{ t: null }],
    });
    await admin.end();
  });

  it('refuses a forged decision and runs nothing', async () => {
    const alice = await connectAs(stack, 'alice');
    const creating = alice.query('CREATE TABLE forged_table (id int)').catch((error: unknown) => error);
    const requestId = await heldRequestId(alice);
    const asked = await eventually('the question is sealed', 15_000, async () =>
      (await eventsOf(requestId)).find((event) => event.type === 'request.requested'),
    );
    const { privateKey } = generateKeyPairSync('ed25519');
    await stack.appendForgedDecision({
      requestId,
      gatewayId: String(asked['gatewayId']),
      digest: String(asked['digest']),
      privateKey,
    });
    const rejected = await eventually('the forgery is recorded', 15_000, async () =>
      (await eventsOf(requestId)).find((event) => event.type === 'decision.rejected'),
    );
    expect(rejected['reason']).toBe('forged');
    expect((await stack.cli(['--as', 'bob', 'requests', 'deny', requestId, '--reason', 'forged'])).code).toBe(
      0,
    );
    await expect(creating).resolves.toMatchObject({ code: '42501' });
    await expect(alice.query("SELECT to_regclass('forged_table') AS t")).resolves.toMatchObject({
      rows: [{ t: null }],
    });
    await alice.end();
  });

  it('verifies the ledger, and names the entry when a byte of it is changed behind its back', async () => {
    const clean = await stack.cli(['ledger', 'verify', '--json']);
    const report = JSON.parse(clean.stdout) as LedgerReport;
    expect(report).toMatchObject({ verdict: 'OK', findings: [] });
    expect(report.entries).toBeGreaterThan(20);
    expect(clean.code).toBe(0);

    const admin = new pg.Client({ connectionString: stack.ready.platform.adminUrl });
    await admin.connect();
    const { rows } = await admin.query<{ name: string; seq: string }>(
      `SELECT c.name, p.seq FROM ledger.payloads p JOIN ledger.chains c USING (chain)
       WHERE c.name LIKE 'statements/%' ORDER BY p.seq DESC LIMIT 1`,
    );
    const { name, seq } = rows[0] as { name: string; seq: string };
    const flip = `BEGIN; ALTER TABLE ledger.payloads DISABLE TRIGGER ALL;
      UPDATE ledger.payloads p SET payload = set_byte(payload, 20, get_byte(payload, 20) # 1)
      FROM ledger.chains c WHERE c.chain = p.chain AND c.name = '${name}' AND p.seq = ${seq};
      ALTER TABLE ledger.payloads ENABLE ALWAYS TRIGGER append_only; COMMIT`;
    await admin.query(flip);
    const tampered = await stack.cli(['ledger', 'verify', '--json']);
    expect(tampered.code).not.toBe(0);
    expect(JSON.parse(tampered.stdout)).toMatchObject({
      verdict: 'TAMPERED',
      findings: [{ kind: 'PAYLOAD_MISMATCH', chain: name, seq: Number(seq) }],
    });
    await admin.query(flip);
    await admin.end();
    expect((await stack.cli(['ledger', 'verify'])).code).toBe(0);
  });

  it('cancels what was held when the gateway is killed, and runs none of it after the restart', async () => {
    const alice = await connectAs(stack, 'alice');
    alice.query('CREATE TABLE killed_table (id int)').catch(() => undefined);
    const requestId = await heldRequestId(alice);
    await eventually('the request is open', 10_000, async () => {
      const { stdout } = await stack.cli(['--as', 'bob', 'requests', 'list', '--json']);
      return stdout.includes(requestId) ? true : undefined;
    });
    await stack.kill('gateway');
    await stack.startAgain('gateway');
    expect((await outcomeOf(requestId)).outcome).toBe('cancelled');
    await stack.cli(['--as', 'bob', 'requests', 'approve', requestId]);
    const again = await connectAs(stack, 'alice');
    await expect(again.query("SELECT to_regclass('killed_table') AS t")).resolves.toMatchObject({
      rows: [{ t: null }],
    });
    await again.end();
  }, 60_000);
});
