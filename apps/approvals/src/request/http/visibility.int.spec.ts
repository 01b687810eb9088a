import { approvalDigest } from '#libs/contracts/approval-digest.js';
import { parseEvent } from '#libs/contracts/events/registry.js';
import { partitionOf } from '#libs/contracts/topics.js';
import { newId } from '#libs/kernel/uuid.js';
import type { Hold } from '../../testing/sample-gateway.js';
import { identityOf } from '../../testing/sample-people.js';
import { Scenario } from '../../testing/scenario.js';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await Scenario.start();
}, 60_000);
afterAll(() => scenario?.dispose(), 60_000);

describe('who sees what', () => {
  it('is the requester their own, reviewers what they may decide, compliance everything', async () => {
    const { requestId } = await scenario.held();
    const ofAgent = await scenario.held({ requester: identityOf('bot-of-bob') });
    const sees = async (name: string, id: string): Promise<number> =>
      (await scenario.service.call(name, 'GET', `/v1/requests/${id}`)).status;
    const lists = async (name: string): Promise<string[]> =>
      (await scenario.service.call(name, 'GET', '/v1/requests?state=pending')).body.requests.map(
        (request: { id: string }) => request.id,
      );
    for (const name of ['alice', 'bob', 'dana', 'carol']) {
      expect([name, await sees(name, requestId)]).toEqual([name, 200]);
      expect(await lists(name)).toContain(requestId);
    }
    for (const name of ['erin', 'omar', 'etl-agent', 'ci']) {
      expect([name, await sees(name, requestId)]).toEqual([name, 403]);
      expect(await lists(name)).not.toContain(requestId);
    }
    expect(await sees('bob', ofAgent.requestId)).toBe(403);
    expect(await lists('bob')).not.toContain(ofAgent.requestId);
    expect(await sees('dana', ofAgent.requestId)).toBe(200);
    expect(await sees('bob', newId())).toBe(404);
    expect(await sees('bob', 'nonsense')).toBe(404);
  });

  it('is nobody without a token, with a bad one or with one for the gateway', async () => {
    expect((await scenario.service.call(undefined, 'GET', '/v1/requests')).status).toBe(401);
    const bad = await scenario.service.call(undefined, 'GET', '/v1/requests', undefined, {
      authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.',
    });
    expect(bad).toMatchObject({ status: 401, type: 'application/problem+json; charset=utf-8' });
    for (const open of ['/healthz', '/readyz', '/metrics', '/openapi.json'])
      expect([open, (await scenario.service.call(undefined, 'GET', open)).status]).toEqual([open, 200]);
  });

  it('comes in pages, newest first, none missed and none twice', async () => {
    const mine = [await scenario.held(), await scenario.held(), await scenario.held()].map(
      ({ requestId }) => requestId,
    );
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const query: string = next === '' ? '' : `&after=${next}`;
      const { body } = await scenario.service.call('carol', 'GET', `/v1/requests?limit=2${query}`);
      seen.push(...body.requests.map((request: { id: string }) => request.id));
      next = body.next;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => mine.includes(id))).toEqual([...mine].reverse());
    expect((await scenario.service.call('carol', 'GET', '/v1/requests?state=open')).status).toBe(400);
  });

  it('is told at once to whoever waits', async () => {
    const { requestId } = await scenario.held();
    const before = performance.now();
    const waiting = scenario.service.call('alice', 'GET', `/v1/requests/${requestId}/wait?timeout=20`);
    await scenario.service.vote('bob', requestId, 'approve');
    expect((await waiting).body).toMatchObject({ id: requestId, state: 'granted' });
    expect(performance.now() - before).toBeLessThan(3_000);
    const still = await scenario.service.call(
      'alice',
      'GET',
      `/v1/requests/${requestId}/wait?after=granted&timeout=0`,
    );
    expect(still.body.state).toBe('granted');
    expect((await scenario.service.call('erin', 'GET', `/v1/requests/${requestId}/wait`)).status).toBe(403);
  });

  it('is never a password inside a statement: it is sealed, or the review is rejected', async () => {
    const secret = 'h4rdly-a-secret';
    const shown = `ALTER ROLE app PASSWORD '<credential:${'1'.repeat(16)}>'`;
    const sealed = `ALTER ROLE app PASSWORD '<credential:${'2'.repeat(64)}>'`;
    const ask = async (sql: string): Promise<Hold> => {
      const hold = scenario.service.gateway.hold({ policyHash: scenario.service.policy.hash, sql });
      const statement = { ...(hold.asked['statement'] as object), text: shown, credentialsReplaced: 1 };
      await scenario.service.producer.append([
        scenario.service.gateway.record({ ...hold.asked, statement } as Hold['asked']),
      ]);
      return hold;
    };
    const hold = await ask(sealed);
    await scenario.untilSent(hold.requestId, 'request.routed');
    const { body } = await scenario.service.call('bob', 'GET', `/v1/requests/${hold.requestId}`);
    expect(body.statement.text).toBe(sealed);
    expect(body.digest).toBe(approvalDigest(hold.binding).toString('hex'));

    const exact = `ALTER ROLE app PASSWORD '${secret}'`;
    await scenario.untilSent((await ask(exact)).requestId, 'review.rejected');
    const { rows } = await scenario.platform.admin.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM approvals.bindings, approvals.events
       WHERE position($1::bytea IN binding) > 0 OR position($2::bytea IN bytes) > 0
          OR position($1::bytea IN bytes) > 0`,
      [Buffer.from(Buffer.from(exact).toString('base64')), Buffer.from(secret)],
    );
    expect(rows[0]?.n).toBe(0);
  });
});

describe('the service', () => {
  it('documents every route that is there', async () => {
    const { body } = await scenario.service.call(undefined, 'GET', '/openapi.json');
    const documented = Object.entries<object>(body.paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
      .sort();
    expect(documented).toEqual(scenario.service.approvals.routes);
  });

  it('reports what it did', async () => {
    const { body } = await scenario.service.call(undefined, 'GET', '/metrics');
    expect(body).toMatch(/countersign_approvals_decisions_total\{verdict="granted".*\} [1-9]/);
    expect(body).toMatch(/countersign_approvals_pending_requests\{.*\} [0-9]+/);
    expect(body).toMatch(/countersign_approvals_outbox_backlog\{.*\} [0-9]+/);
  });

  it('sends each record where its key belongs, numbered without a gap for each partition', async () => {
    const { requestId } = await scenario.held();
    await scenario.untilSent(requestId, 'request.routed');
    for (const topic of ['approvals', 'decisions', 'control'] as const) {
      const next = new Map<number, number>();
      for (const record of await scenario.platform.readTopic(topic)) {
        const parsed = parseEvent(record.value as Buffer);
        if (!parsed.ok) throw new Error(parsed.problem);
        const expected = next.get(record.partition) ?? 0;
        expect([topic, parsed.event.producerSeq]).toEqual([topic, expected]);
        next.set(record.partition, expected + 1);
        expect(record.partition).toBe(partitionOf(topic, record.key?.toString('utf8') as string));
      }
    }
  });
});
