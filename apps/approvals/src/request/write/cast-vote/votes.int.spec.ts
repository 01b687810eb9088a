import { approvalDigest } from '#libs/contracts/approval-digest.js';
import { verifyEvent } from '#libs/contracts/event-signature.js';
import { newId } from '#libs/kernel/uuid.js';
import { identityOf, PEOPLE } from '../../../testing/sample-people.js';
import { Scenario } from '../../../testing/scenario.js';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await Scenario.start();
}, 60_000);
afterAll(() => scenario?.dispose(), 60_000);

describe('a held statement', () => {
  it('is shown to its reviewers byte for byte, with all that the approval binds', async () => {
    const sql = 'ALTER TABLE customers ADD COLUMN tier text DEFAULT $$gold\n\u{1f947}$$';
    const hold = await scenario.held({ sql });
    const { body } = await scenario.service.call('bob', 'GET', `/v1/requests/${hold.requestId}`);
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
    const hold = await scenario.held();
    await scenario.untilSent(hold.requestId, 'request.reviewer-notified');
    const { status, body } = await scenario.service.vote('bob', hold.requestId, 'approve', {
      reason: 'looks right',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      state: 'granted',
      votes: [{ voter: 'bob', group: 'dba', decision: 'approve', reason: 'looks right' }],
    });
    const { event, bytes } = await scenario.decisionOf(hold.requestId);
    expect(verifyEvent(bytes, scenario.service.decisionKey.trusted)).toMatchObject({ ok: true });
    expect(event).toMatchObject({
      id: body.decisionId,
      gatewayId: scenario.service.gateway.gatewayId,
      verdict: 'granted',
      digest: approvalDigest(hold.binding).toString('hex'),
      decidedBy: ['bob'],
      sessionId: hold.binding.sessionId,
    });
    expect(Date.parse(event.expiresAt) - Date.parse(event.issuedAt)).toBe(300_000);
    await scenario.untilSent(hold.requestId, 'request.granted');
    expect(await scenario.typesOf(hold.requestId)).toEqual([
      'request.requested',
      'request.routed',
      'request.reviewer-notified',
      'request.vote-cast',
      'request.granted',
    ]);
  });

  it('denied gets a signed refusal with the reason', async () => {
    const hold = await scenario.held();
    expect((await scenario.service.vote('bob', hold.requestId, 'deny')).body.state).toBe('refused');
    const { event, bytes } = await scenario.decisionOf(hold.requestId);
    expect(verifyEvent(bytes, scenario.service.decisionKey.trusted).ok).toBe(true);
    expect(event).toMatchObject({ verdict: 'refused', reason: 'too risky', decidedBy: ['bob'] });
  });

  it.each([
    ['alice', 'own-request', 'alice'],
    ['etl-agent', 'agent', 'alice'],
    ['bob', 'agent-owner', 'bot-of-bob'],
    ['erin', 'not-a-reviewer', 'alice'],
    ['carol', 'not-a-reviewer', 'alice'],
  ])('is not approved by %s: %s, and the attempt is recorded', async (voter, code, requester) => {
    const hold = await scenario.held({ requester: identityOf(requester) });
    const { status, type, body } = await scenario.service.vote(voter, hold.requestId, 'approve');
    expect([status, type]).toEqual([403, 'application/problem+json; charset=utf-8']);
    expect(body).toMatchObject({ type: `urn:countersign:problem:${code}`, code, status: 403 });
    expect(await scenario.stateOf(hold.requestId)).toBe('pending');
    await scenario.untilSent(hold.requestId, 'request.vote-refused');
    expect((await scenario.eventsOf('approvals', hold.requestId)).at(-1)).toMatchObject({
      type: 'request.vote-refused',
      voter: { name: voter },
      why: code,
    });
  });

  it('needs a reason to be denied, and a decision that exists', async () => {
    const { requestId } = await scenario.held();
    expect(await scenario.service.vote('bob', requestId, 'deny', {})).toMatchObject({
      status: 400,
      body: { code: 'reason-required' },
    });
    expect(await scenario.service.vote('bob', requestId, 'approve', { decision: 'allow' })).toMatchObject({
      status: 400,
      body: { code: 'invalid' },
    });
    expect(await scenario.stateOf(requestId)).toBe('pending');
  });

  it('carries the lowest ceiling on rows that an approval names', async () => {
    const hold = await scenario.held({ rule: 'two-dba' });
    await scenario.service.vote('bob', hold.requestId, 'approve', { maxRows: 50 });
    const { body } = await scenario.service.vote('dana', hold.requestId, 'approve', { maxRows: 20 });
    expect(body).toMatchObject({ state: 'granted', maxRows: 20 });
    expect((await scenario.decisionOf(hold.requestId)).event.maxRows).toBe(20);
  });

  it('is refused as stale where If-Match names another version, and counts where it names this one', async () => {
    const hold = await scenario.held({ rule: 'two-dba' });
    await scenario.untilSent(hold.requestId, 'request.reviewer-notified');
    const where = `/v1/requests/${hold.requestId}`;
    const { etag } = await scenario.service.call('bob', 'GET', where);
    const vote = (as: string, tag: string) =>
      scenario.service.call(as, 'POST', `${where}/votes`, { decision: 'approve' }, { 'if-match': tag });
    await scenario.service.call('dana', 'POST', `${where}/comments`, { text: 'is this the right table?' });
    for (const stale of [etag as string, 'W/"1"', 'nonsense'])
      expect(await vote('bob', stale)).toMatchObject({ status: 412, body: { code: 'stale' } });
    const now = await scenario.service.call('bob', 'GET', where);
    expect(now.etag).not.toBe(etag);
    const counted = await vote('bob', now.etag as string);
    expect(counted).toMatchObject({ status: 200, body: { votes: [{ voter: 'bob' }] } });
    expect(await vote('dana', counted.etag as string)).toMatchObject({ body: { state: 'granted' } });
  });

  it('is judged by the groups of now, whatever an older token says', async () => {
    const { requestId } = await scenario.held();
    await scenario.service.writeDirectory(
      PEOPLE.map((each) => (each.name === 'bob' ? { ...each, groups: [] } : each)),
    );
    try {
      expect(await scenario.service.vote('bob', requestId, 'approve')).toMatchObject({
        status: 403,
        body: { code: 'not-a-reviewer' },
      });
      expect((await scenario.service.call('bob', 'GET', `/v1/requests/${requestId}`)).status).toBe(403);
    } finally {
      await scenario.service.writeDirectory(PEOPLE);
    }
    expect((await scenario.service.vote('bob', requestId, 'approve')).status).toBe(200);
  });

  it('decided takes no second decision', async () => {
    const { requestId } = await scenario.held();
    await scenario.service.vote('bob', requestId, 'approve');
    expect(await scenario.service.vote('dana', requestId, 'deny')).toMatchObject({
      status: 409,
      body: { code: 'already-decided' },
    });
  });

  it('waits for two distinct people where the rule says so', async () => {
    const { requestId } = await scenario.held({ rule: 'two-dba' });
    expect((await scenario.service.vote('bob', requestId, 'approve')).body).toMatchObject({
      state: 'pending',
      needed: 2,
    });
    // The very same vote again is the same command; another one of the same person is a second vote.
    expect((await scenario.service.vote('bob', requestId, 'approve')).status).toBe(200);
    expect(await scenario.service.vote('bob', requestId, 'approve', { reason: 'again' })).toMatchObject({
      status: 409,
      body: { code: 'already-voted' },
    });
    expect(await scenario.stateOf(requestId)).toBe('pending');
    expect((await scenario.service.vote('dana', requestId, 'approve')).body.state).toBe('granted');
  });

  it('PEERS: twenty votes at once make one decision, and none is lost', async () => {
    const { requestId } = await scenario.held({ rule: 'two-dba' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        scenario.service.vote(index % 2 === 0 ? 'bob' : 'dana', requestId, 'approve', {
          reason: `vote ${index}`,
        }),
      ),
    );
    expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(2);
    await scenario.untilSent(requestId, 'request.granted');
    const types = await scenario.typesOf(requestId);
    expect(types.filter((type) => type === 'request.vote-cast')).toHaveLength(2);
    expect(types.filter((type) => type === 'request.granted')).toHaveLength(1);
    const decisions = await scenario.eventsOf('decisions', requestId);
    expect(decisions.filter((event) => event.type === 'decision.issued')).toHaveLength(1);
  });

  it('PEERS: one person in two groups fills one place', async () => {
    const { requestId } = await scenario.held({ rule: 'dba-and-security' });
    expect((await scenario.service.vote('zoe', requestId, 'approve')).body.state).toBe('pending');
    expect((await scenario.service.vote('bob', requestId, 'approve')).body.state).toBe('granted');
  });

  it('PEERS: expires by itself, to the second', async () => {
    const { requestId } = await scenario.held({ holdMs: 700 });
    await scenario.untilSent(requestId, 'request.expired');
    expect(await scenario.service.vote('bob', requestId, 'approve')).toMatchObject({
      status: 409,
      body: { code: 'expired' },
    });
  });

  it('is decided once for the same Idempotency-Key, which is good for nothing else', async () => {
    const { requestId } = await scenario.held();
    const key = { 'idempotency-key': newId() };
    const where = `/v1/requests/${requestId}/comments`;
    for (let time = 0; time < 3; time += 1)
      expect(
        (await scenario.service.call('bob', 'POST', where, { text: 'once' }, key)).body.comments,
      ).toHaveLength(1);
    expect(await scenario.service.call('bob', 'POST', where, { text: 'other' }, key)).toMatchObject({
      status: 422,
      body: { code: 'idempotency-key-reused' },
    });
    expect(
      (await scenario.service.call('dana', 'POST', where, { text: 'other' }, key)).body.comments,
    ).toHaveLength(2);
  });

  it('granted can be revoked, and the release of the gateway still is a fact', async () => {
    const hold = await scenario.held();
    const { decisionId } = (await scenario.service.vote('bob', hold.requestId, 'approve')).body;
    const revoked = await scenario.service.call('dana', 'POST', `/v1/requests/${hold.requestId}/revoke`, {
      reason: 'no',
    });
    expect(revoked.body).toMatchObject({ state: 'revoked', revokedBy: 'dana' });
    const digest = approvalDigest(hold.binding).toString('hex');
    const released = scenario.service.gateway.told(hold, 'review.released', { decisionId, digest });
    await scenario.service.producer.append([scenario.service.gateway.record(released)]);
    await scenario.untilSent(hold.requestId, 'request.consumed');
  });
});
