import pg from 'pg';
import { eventually } from './eventually.js';
import { connectAs, type GatewayClient } from './gateway-client.js';
import { startLocalStack, type LocalStack } from './local-stack.js';

const RETRY = { options: '-c countersign.wait=retry' };

let stack: LocalStack;
beforeAll(async () => {
  stack = await startLocalStack();
}, 120_000);
afterAll(() => stack.stop(), 60_000);

const failureOf = async (client: GatewayClient, text: string): Promise<pg.DatabaseError> => {
  const failure = await client.query(text).then(
    () => undefined,
    (error: unknown) => error as pg.DatabaseError,
  );
  if (failure === undefined) throw new Error(`${text} ran`);
  return failure;
};

/** The request an attempt was told to wait for. */
async function toldToWait(client: GatewayClient, text: string): Promise<string> {
  const failure = await failureOf(client, text);
  expect(failure).toMatchObject({ code: '55000', severity: 'ERROR' });
  const id = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(failure.detail ?? '')?.[0];
  if (id === undefined) throw new Error(`no request id in ${failure.detail ?? 'no detail'}`);
  return id;
}

const decide = (decision: 'approve' | 'deny', requestId: string, ...more: string[]): Promise<void> =>
  eventually(`bob can ${decision}`, 20_000, async () => {
    const vote = await stack.cli(['--as', 'bob', 'requests', decision, requestId, ...more]);
    return vote.code === 0 ? true : undefined;
  }).then(() => undefined);

const stateOf = async (requestId: string): Promise<string> => {
  const { stdout } = await stack.cli(['--as', 'bob', 'requests', 'show', requestId, '--json']);
  return (JSON.parse(stdout) as { state: string }).state;
};

describe('A client that does not wait for reviewers', () => {
  it('is told the request at once, and the statement runs once from any session of hers after approval', async () => {
    const text = 'CREATE TABLE IF NOT EXISTS retried (id int)';
    const first = await connectAs(stack, 'alice', RETRY);
    const requestId = await toldToWait(first, text);
    expect(await toldToWait(first, text)).toBe(requestId);
    await expect(first.query('SELECT 1 AS one')).resolves.toMatchObject({ rows: [{ one: 1 }] });
    await first.end();
    await decide('approve', requestId);

    const second = await connectAs(stack, 'alice');
    await second.query("SET countersign.wait = 'retry'");
    await expect(second.query(text)).resolves.toMatchObject({ command: 'CREATE' });
    const admin = new pg.Client({ connectionString: stack.ready.targets['shop']?.adminUrl });
    await admin.connect();
    await expect(admin.query("SELECT to_regclass('retried')::text AS t")).resolves.toMatchObject({
      rows: [{ t: 'retried' }],
    });
    await admin.end();
    await eventually('the grant is used up', 20_000, async () =>
      (await stateOf(requestId)) === 'consumed' ? true : undefined,
    );

    const another = await toldToWait(second, text);
    expect(another).not.toBe(requestId);
    expect(await stateOf(another)).toBe('pending');
    await second.end();
  });

  it('is told who refused and why when it asks again', async () => {
    const text = 'CREATE TABLE retried_in_vain (id int)';
    const alice = await connectAs(stack, 'alice', RETRY);
    const requestId = await toldToWait(alice, text);
    await decide('deny', requestId, '--reason', 'after the release');
    const failure = await failureOf(alice, text);
    expect(failure).toMatchObject({ code: '42501', severity: 'ERROR' });
    expect(failure.message).toContain(requestId);
    expect(failure.detail).toContain('bob');
    expect(failure.detail).toContain('after the release');
    await alice.end();
  });

  it('has an approval of her own: the same statement of somebody else waits for another', async () => {
    const text = 'CREATE TABLE retried_by_alice (id int)';
    const alice = await connectAs(stack, 'alice', RETRY);
    const requestId = await toldToWait(alice, text);
    await decide('approve', requestId);
    const agent = await connectAs(stack, 'etl-agent', RETRY);
    expect(await toldToWait(agent, text)).not.toBe(requestId);
    await agent.end();
    expect(await stateOf(requestId)).toBe('granted');
    await expect(alice.query(text)).resolves.toMatchObject({ command: 'CREATE' });
    await alice.end();
  });
});
