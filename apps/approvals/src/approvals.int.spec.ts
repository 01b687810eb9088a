import { approvalDigest } from '#libs/contracts/approval-digest.js';
import { parseEvent, type AnyEvent, type EventOf } from '#libs/contracts/events/registry.js';
import { verifyEvent } from '#libs/contracts/event-signature.js';
import { partitionOf, type Topic } from '#libs/contracts/topics.js';
import { newId } from '#libs/kernel/uuid.js';
import { eventually } from '#libs/testing/eventually.js';
import type { HoldOptions } from './testing/sample-gateway.js';
import { newSigningKey, type Hold } from './testing/sample-gateway.js';
import { identityOf, PEOPLE } from './testing/sample-people.js';
import { policyOf, testApprovals, type TestApprovals } from './testing/test-approvals.js';
import { testPlatform, type TestPlatform } from './testing/test-platform.js';

let platform: TestPlatform;
let service: TestApprovals;
beforeAll(async () => {
  platform = await testPlatform();
  service = await testApprovals(platform);
}, 60_000);
afterAll(async () => {
  await service?.dispose();
  await platform?.dispose();
}, 60_000);

const eventsOf = async (topic: Topic, requestId: string): Promise<AnyEvent[]> =>
  (await platform.readTopic(topic))
    .map((record) => parseEvent(record.value as Buffer))
    .map((parsed) => {
      if (!parsed.ok) throw new Error(parsed.problem);
      return parsed.event;
    })
    .filter((event) => event.requestId === requestId);

const typesOf = async (requestId: string): Promise<string[]> =>
  (await eventsOf('approvals', requestId)).map(({ type }) => type);

/** Waits until the event log holds all that was said of a request. */
const untilSent = (requestId: string, type: string): Promise<void> =>
  eventually(async () => expect(await typesOf(requestId)).toContain(type));

/** A gateway holds a statement; resolves when the request is open. */
async function held(options: Partial<HoldOptions> = {}): Promise<Hold> {
  const hold = await service.gateway.ask(service.producer, { policyHash: service.policy.hash, ...options });
  await eventually(async () => {
    const { status } = await service.call('carol', 'GET', `/v1/requests/${hold.requestId}`);
    expect(status).toBe(200);
  });
  return hold;
}

const stateOf = async (requestId: string): Promise<string> =>
  (await service.call('carol', 'GET', `/v1/requests/${requestId}`)).body.state;

async function decisionOf(requestId: string): Promise<{ event: EventOf<'decision.issued'>; bytes: Buffer }> {
  let found: { event: EventOf<'decision.issued'>; bytes: Buffer } | undefined;
  await eventually(async () => {
    for (const record of await platform.readTopic('decisions')) {
      const parsed = parseEvent(record.value as Buffer);
      if (parsed.ok && parsed.event.type === 'decision.issued' && parsed.event.requestId === requestId)
        found = { event: parsed.event, bytes: record.value as Buffer };
    }
    expect(found).toBeDefined();
  });
  return found as { event: EventOf<'decision.issued'>; bytes: Buffer };
}

describe('a held statement', () => {
  it('is shown to its reviewers byte for byte, with all that the approval binds', async () => {
    const sql = 'ALTER TABLE customers ADD COLUMN tier text DEFAULT $$gold\n\u{1f947}$$';
    const hold = await held({ sql });
    const { body } = await service.call('bob', 'GET', `/v1/requests/${hold.requestId}`);
    expect(body).toMatchObject({
      id: hold.requestId,
      state: 'pending',
      requester: 'alice',
      target: 'shop',
      statement: { text: sql, sha256: hold.asked['statement'] && expect.stringMatching(/^[0-9a-f]{64}$/) },
      rule: 'schema-change',
      needed: 1,
      reviewers: [{ group: 'dba', count: 1 }],
      votes: [],
      digest: approvalDigest(hold.binding).toString('hex'),
      objects: hold.binding.objects,
      settings: hold.binding.settings,
    });
  });

  it('approved gets a decision on the log that verifies and carries the digest computed here', async () => {
    const hold = await held();
    const { status, body } = await service.vote('bob', hold.requestId, 'approve', { reason: 'looks right' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      state: 'granted',
      votes: [{ voter: 'bob', group: 'dba', decision: 'approve', reason: 'looks right' }],
    });
    const { event, bytes } = await decisionOf(hold.requestId);
    expect(verifyEvent(bytes, service.decisionKey.trusted)).toMatchObject({ ok: true });
    expect(event).toMatchObject({
      id: body.decisionId,
      gatewayId: service.gateway.gatewayId,
      verdict: 'granted',
      digest: approvalDigest(hold.binding).toString('hex'),
      decidedBy: ['bob'],
      sessionId: hold.binding.sessionId,
    });
    expect(Date.parse(event.expiresAt) - Date.parse(event.issuedAt)).toBe(300_000);
    await untilSent(hold.requestId, 'request.granted');
    expect(await typesOf(hold.requestId)).toEqual([
      'request.requested',
      'request.routed',
      'request.vote-cast',
      'request.granted',
    ]);
  });

  it('denied gets a signed refusal with the reason', async () => {
    const hold = await held();
    expect((await service.vote('bob', hold.requestId, 'deny')).body.state).toBe('refused');
    const { event, bytes } = await decisionOf(hold.requestId);
    expect(verifyEvent(bytes, service.decisionKey.trusted).ok).toBe(true);
    expect(event).toMatchObject({ verdict: 'refused', reason: 'too risky', decidedBy: ['bob'] });
  });

  it.each([
    ['alice', 'own-request', 'alice'],
    ['etl-agent', 'agent', 'alice'],
    ['bob', 'agent-owner', 'bot-of-bob'],
    ['erin', 'not-a-reviewer', 'alice'],
    ['carol', 'not-a-reviewer', 'alice'],
  ])('is not approved by %s: %s, and the attempt is recorded', async (voter, code, requester) => {
    const hold = await held({ requester: identityOf(requester) });
    const { status, type, body } = await service.vote(voter, hold.requestId, 'approve');
    expect([status, type]).toEqual([403, 'application/problem+json; charset=utf-8']);
    expect(body).toMatchObject({ type: `urn:countersign:problem:${code}`, code, status: 403 });
    expect(await stateOf(hold.requestId)).toBe('pending');
    await untilSent(hold.requestId, 'request.vote-refused');
    expect((await eventsOf('approvals', hold.requestId)).at(-1)).toMatchObject({
      type: 'request.vote-refused',
      voter: { name: voter },
      why: code,
    });
  });

  it('needs a reason to be denied, and takes no row ceiling yet', async () => {
    const { requestId } = await held();
    expect(await service.vote('bob', requestId, 'deny', {})).toMatchObject({
      status: 400,
      body: { code: 'reason-required' },
    });
    expect(await service.vote('bob', requestId, 'approve', { maxRows: 5 })).toMatchObject({
      status: 422,
      body: { code: 'max-rows-unsupported' },
    });
    expect(await service.vote('bob', requestId, 'approve', { decision: 'allow' })).toMatchObject({
      status: 400,
      body: { code: 'invalid' },
    });
    expect(await stateOf(requestId)).toBe('pending');
  });

  it('is judged by the groups of now, whatever an older token says', async () => {
    const { requestId } = await held();
    await service.writeDirectory(
      PEOPLE.map((each) => (each.name === 'bob' ? { ...each, groups: [] } : each)),
    );
    try {
      expect(await service.vote('bob', requestId, 'approve')).toMatchObject({
        status: 403,
        body: { code: 'not-a-reviewer' },
      });
      expect((await service.call('bob', 'GET', `/v1/requests/${requestId}`)).status).toBe(403);
    } finally {
      await service.writeDirectory(PEOPLE);
    }
    expect((await service.vote('bob', requestId, 'approve')).status).toBe(200);
  });

  it('decided takes no second decision', async () => {
    const { requestId } = await held();
    await service.vote('bob', requestId, 'approve');
    expect(await service.vote('dana', requestId, 'deny')).toMatchObject({
      status: 409,
      body: { code: 'already-decided' },
    });
  });

  it('waits for two distinct people where the rule says so', async () => {
    const { requestId } = await held({ rule: 'two-dba' });
    expect((await service.vote('bob', requestId, 'approve')).body).toMatchObject({
      state: 'pending',
      needed: 2,
    });
    // The very same vote again is the same command; another one of the same person is a second vote.
    expect((await service.vote('bob', requestId, 'approve')).status).toBe(200);
    expect(await service.vote('bob', requestId, 'approve', { reason: 'again' })).toMatchObject({
      status: 409,
      body: { code: 'already-voted' },
    });
    expect(await stateOf(requestId)).toBe('pending');
    expect((await service.vote('dana', requestId, 'approve')).body.state).toBe('granted');
  });

  it('PEERS: twenty votes at once make one decision, and none is lost', async () => {
    const { requestId } = await held({ rule: 'two-dba' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        service.vote(index % 2 === 0 ? 'bob' : 'dana', requestId, 'approve', { reason: `vote ${index}` }),
      ),
    );
    expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(2);
    await untilSent(requestId, 'request.granted');
    const types = await typesOf(requestId);
    expect(types.filter((type) => type === 'request.vote-cast')).toHaveLength(2);
    expect(types.filter((type) => type === 'request.granted')).toHaveLength(1);
    const decisions = await eventsOf('decisions', requestId);
    expect(decisions).toHaveLength(1);
  });

  it('PEERS: one person in two groups fills one place', async () => {
    const { requestId } = await held({ rule: 'dba-and-security' });
    expect((await service.vote('zoe', requestId, 'approve')).body.state).toBe('pending');
    expect((await service.vote('bob', requestId, 'approve')).body.state).toBe('granted');
  });

  it('PEERS: expires by itself, to the second', async () => {
    const { requestId } = await held({ holdMs: 700 });
    await untilSent(requestId, 'request.expired');
    expect(await service.vote('bob', requestId, 'approve')).toMatchObject({
      status: 409,
      body: { code: 'expired' },
    });
  });

  it('is decided once for the same Idempotency-Key, which is good for nothing else', async () => {
    const { requestId } = await held();
    const key = { 'idempotency-key': newId() };
    const where = `/v1/requests/${requestId}/comments`;
    for (let time = 0; time < 3; time += 1)
      expect((await service.call('bob', 'POST', where, { text: 'once' }, key)).body.comments).toHaveLength(1);
    expect(await service.call('bob', 'POST', where, { text: 'other' }, key)).toMatchObject({
      status: 422,
      body: { code: 'idempotency-key-reused' },
    });
    expect((await service.call('dana', 'POST', where, { text: 'other' }, key)).body.comments).toHaveLength(2);
  });

  it('granted can be revoked, and the release of the gateway still is a fact', async () => {
    const hold = await held();
    const { decisionId } = (await service.vote('bob', hold.requestId, 'approve')).body;
    const revoked = await service.call('dana', 'POST', `/v1/requests/${hold.requestId}/revoke`, {
      reason: 'no',
    });
    expect(revoked.body).toMatchObject({ state: 'revoked', revokedBy: 'dana' });
    const digest = approvalDigest(hold.binding).toString('hex');
    const released = service.gateway.told(hold, 'review.released', { decisionId, digest });
    await service.producer.append([service.gateway.record(released)]);
    await untilSent(hold.requestId, 'request.consumed');
  });
});

describe('the word of a gateway', () => {
  it('consumes the grant once, however often it comes, and its outcome is shown', async () => {
    const hold = await held();
    const { decisionId } = (await service.vote('bob', hold.requestId, 'approve')).body;
    const digest = approvalDigest(hold.binding).toString('hex');
    const released = service.gateway.record(
      service.gateway.told(hold, 'review.released', { decisionId, digest }),
    );
    const concluded = service.gateway.record(
      service.gateway.told(hold, 'review.concluded', { outcome: 'completed', tag: 'ALTER TABLE' }),
    );
    await service.producer.append([released, released, concluded, released, concluded]);
    await eventually(async () => {
      const { body } = await service.call('alice', 'GET', `/v1/requests/${hold.requestId}`);
      expect(body).toMatchObject({ state: 'consumed', outcome: 'completed' });
    });
    await untilSent(hold.requestId, 'request.consumed');
    expect((await typesOf(hold.requestId)).filter((type) => type === 'request.consumed')).toHaveLength(1);
  });

  it('asked twice opens one request', async () => {
    const hold = await held();
    await service.producer.append([service.gateway.record(hold.asked)]);
    const next = await held();
    await untilSent(next.requestId, 'request.routed');
    expect((await typesOf(hold.requestId)).filter((type) => type === 'request.requested')).toHaveLength(1);
  });

  it('that its hold has ended cancels the request', async () => {
    const hold = await held();
    const cancelled = service.gateway.told(hold, 'review.cancelled', { reason: 'client-gone' });
    await service.producer.append([service.gateway.record(cancelled)]);
    await untilSent(hold.requestId, 'request.cancelled');
    expect(await service.vote('bob', hold.requestId, 'approve')).toMatchObject({
      status: 409,
      body: { code: 'cancelled' },
    });
  });

  const lies: [string, string, (hold: Hold) => { asked: object; key?: ReturnType<typeof newSigningKey> }][] =
    [
      [
        'is signed with a key nobody trusts',
        'untrusted-gateway',
        ({ asked }) => ({ asked, key: newSigningKey() }),
      ],
      [
        'shows another text than it wants approved (PEERS: approve A, run B)',
        'malformed',
        ({ asked }) => ({
          asked: { ...asked, statement: { ...(asked['statement'] as object), text: 'SELECT 1' } },
        }),
      ],
      [
        'names another hash than that of its bytes',
        'malformed',
        ({ asked }) => ({
          asked: { ...asked, statement: { ...(asked['statement'] as object), sha256: '00'.repeat(32) } },
        }),
      ],
      [
        'names another requester than its binding',
        'malformed',
        ({ asked }) => ({ asked: { ...asked, identity: identityOf('erin') } }),
      ],
      [
        'speaks for another gateway',
        'malformed',
        ({ asked }) => ({ asked: { ...asked, gatewayId: newId() } }),
      ],
      [
        'names a rule the policy lacks',
        'malformed',
        ({ asked }) => ({
          asked: { ...asked, verdict: { ...(asked['verdict'] as object), rule: 'nobody' } },
        }),
      ],
      [
        'comes after its hold has ended',
        'hold-ended',
        ({ asked }) => ({ asked: { ...asked, holdExpiresAt: '2020-01-01T00:00:00.000Z' } }),
      ],
      ['is of another tenant', 'malformed', ({ asked }) => ({ asked: { ...asked, tenant: 'other' } })],
      [
        'holds a number the digest cannot encode',
        'malformed',
        ({ asked, binding }) => ({
          asked: { ...asked, binding: { ...binding, objects: [{ ...binding.objects[0], oid: 2 ** 40 }] } },
        }),
      ],
      [
        'has a requester whose name PostgreSQL cannot hold',
        'malformed',
        ({ asked, binding }) => {
          const requester = { ...binding.requester, name: 'ali\0ce' };
          return { asked: { ...asked, identity: requester, binding: { ...binding, requester } } };
        },
      ],
    ];
  it.each(lies)('opens nothing when it %s, and is recorded', async (_, reason, lie) => {
    const hold = service.gateway.hold({ policyHash: service.policy.hash });
    const { asked, key } = lie(hold);
    await service.producer.append([service.gateway.record(asked as Hold['asked'], key?.signing)]);
    await untilSent(hold.requestId, 'review.rejected');
    expect(await eventsOf('approvals', hold.requestId)).toMatchObject([{ type: 'review.rejected', reason }]);
    expect((await service.call('carol', 'GET', `/v1/requests/${hold.requestId}`)).status).toBe(404);
  });

  it('opens nothing when a byte was changed on the way, or when it is no event at all', async () => {
    const hold = service.gateway.hold({ policyHash: service.policy.hash });
    const record = service.gateway.record(hold.asked);
    const changed = Buffer.from(record.value);
    changed[changed.indexOf('customers')] = 'C'.charCodeAt(0);
    for (const value of [changed, Buffer.from('{}'), Buffer.alloc(0), Buffer.from([0xff, 0x00])])
      await service.producer.append([{ ...record, value }]);
    await eventually(async () => expect(await typesOf(hold.requestId)).toHaveLength(4));
    expect(
      (await eventsOf('approvals', hold.requestId)).map((event) => 'reason' in event && event.reason),
    ).toEqual(['bad-signature', 'untrusted-gateway', 'untrusted-gateway', 'untrusted-gateway']);
  });

  it('about a release without a grant is recorded as a finding', async () => {
    const hold = await held();
    const digest = approvalDigest(hold.binding).toString('hex');
    const released = service.gateway.told(hold, 'review.released', { decisionId: newId(), digest });
    await service.producer.append([service.gateway.record(released)]);
    await untilSent(hold.requestId, 'review.rejected');
    expect(await stateOf(hold.requestId)).toBe('pending');
  });
});

describe('the policy', () => {
  it('PEERS: is published, signed, with its text, and published again only when it has changed', async () => {
    const published = async (): Promise<EventOf<'policy.published'>[]> =>
      (await platform.readTopic('control')).map((record) => {
        expect(verifyEvent(record.value as Buffer, service.decisionKey.trusted).ok).toBe(true);
        const parsed = parseEvent(record.value as Buffer);
        return (parsed.ok ? parsed.event : undefined) as EventOf<'policy.published'>;
      });
    await eventually(async () => expect(await published()).toHaveLength(1));
    const same = await service.startAnother();
    await same.stop();
    expect(await published()).toHaveLength(1);

    // A request of a policy nobody has published waits, and is routed when it is.
    const text = service.policy.text.replace('count: 1', 'count: 2');
    const policy = policyOf(text);
    const hold = await held({ policyHash: policy.hash });
    const { body } = await service.call('carol', 'GET', `/v1/requests/${hold.requestId}`);
    expect(body).toMatchObject({ state: 'pending', needed: null, reviewers: [] });
    expect(await service.vote('bob', hold.requestId, 'approve')).toMatchObject({
      status: 409,
      body: { code: 'not-routed' },
    });
    const other = await service.startAnother({ policy: text });
    try {
      await eventually(async () => {
        const found = await service.call('bob', 'GET', `/v1/requests/${hold.requestId}`);
        expect(found.body).toMatchObject({ needed: 2 });
      });
      await eventually(async () => expect(await published()).toHaveLength(2));
      expect((await published())[1]).toMatchObject({
        policyHash: policy.hash,
        previousHash: service.policy.hash,
        text,
      });
    } finally {
      await other.stop();
    }
  });
});

describe('who sees what', () => {
  it('is the requester their own, reviewers what they may decide, compliance everything', async () => {
    const { requestId } = await held();
    const ofAgent = await held({ requester: identityOf('bot-of-bob') });
    const sees = async (name: string, id: string): Promise<number> =>
      (await service.call(name, 'GET', `/v1/requests/${id}`)).status;
    const lists = async (name: string): Promise<string[]> =>
      (await service.call(name, 'GET', '/v1/requests?state=pending')).body.requests.map(
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
    expect((await service.call(undefined, 'GET', '/v1/requests')).status).toBe(401);
    const bad = await service.call(undefined, 'GET', '/v1/requests', undefined, {
      authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.',
    });
    expect(bad).toMatchObject({ status: 401, type: 'application/problem+json; charset=utf-8' });
    for (const open of ['/healthz', '/readyz', '/metrics', '/openapi.json'])
      expect([open, (await service.call(undefined, 'GET', open)).status]).toEqual([open, 200]);
  });

  it('comes in pages, newest first, none missed and none twice', async () => {
    const mine = [await held(), await held(), await held()].map(({ requestId }) => requestId);
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const query: string = next === '' ? '' : `&after=${next}`;
      const { body } = await service.call('carol', 'GET', `/v1/requests?limit=2${query}`);
      seen.push(...body.requests.map((request: { id: string }) => request.id));
      next = body.next;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => mine.includes(id))).toEqual([...mine].reverse());
    expect((await service.call('carol', 'GET', '/v1/requests?state=open')).status).toBe(400);
  });

  it('is told at once to whoever waits', async () => {
    const { requestId } = await held();
    const before = performance.now();
    const waiting = service.call('alice', 'GET', `/v1/requests/${requestId}/wait?timeout=20`);
    await service.vote('bob', requestId, 'approve');
    expect((await waiting).body).toMatchObject({ id: requestId, state: 'granted' });
    expect(performance.now() - before).toBeLessThan(3_000);
    const still = await service.call(
      'alice',
      'GET',
      `/v1/requests/${requestId}/wait?after=granted&timeout=0`,
    );
    expect(still.body.state).toBe('granted');
    expect((await service.call('erin', 'GET', `/v1/requests/${requestId}/wait`)).status).toBe(403);
  });

  it('is never a password inside a statement', async () => {
    const secret = 'h4rdly-a-secret';
    const exact = `ALTER ROLE app PASSWORD '${secret}'`;
    const hold = service.gateway.hold({ policyHash: service.policy.hash, sql: exact });
    const shown = `ALTER ROLE app PASSWORD '[credential]'`;
    const statement = { ...(hold.asked['statement'] as object), text: shown, credentialsReplaced: 1 };
    await service.producer.append([service.gateway.record({ ...hold.asked, statement } as Hold['asked'])]);
    await untilSent(hold.requestId, 'request.routed');
    const { body } = await service.call('bob', 'GET', `/v1/requests/${hold.requestId}`);
    expect(body.statement.text).toBe(shown);
    expect(body.digest).toBe(approvalDigest(hold.binding).toString('hex'));
    expect(JSON.stringify(body)).not.toContain(secret);
    const { rows } = await platform.admin.query<{ n: number }>(
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
    const { body } = await service.call(undefined, 'GET', '/openapi.json');
    const documented = Object.entries<object>(body.paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
      .sort();
    expect(documented).toEqual(service.approvals.routes);
  });

  it('reports what it did', async () => {
    const { body } = await service.call(undefined, 'GET', '/metrics');
    expect(body).toMatch(/countersign_approvals_decisions_total\{verdict="granted".*\} [1-9]/);
    expect(body).toMatch(/countersign_approvals_pending_requests\{.*\} [0-9]+/);
    expect(body).toMatch(/countersign_approvals_outbox_backlog\{.*\} [0-9]+/);
  });

  it('sends each record where its key belongs, numbered without a gap for each partition', async () => {
    const { requestId } = await held();
    await untilSent(requestId, 'request.routed');
    for (const topic of ['approvals', 'decisions', 'control'] as const) {
      const next = new Map<number, number>();
      for (const record of await platform.readTopic(topic)) {
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
