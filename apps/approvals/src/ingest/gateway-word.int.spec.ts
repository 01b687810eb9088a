import { approvalDigest } from '#libs/contracts/approval-digest.js';
import { newId } from '#libs/kernel/uuid.js';
import { eventually } from '#libs/testing/eventually.js';
import { newSigningKey, type Hold } from '../testing/sample-gateway.js';
import { identityOf } from '../testing/sample-people.js';
import { Scenario } from '../testing/scenario.js';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await Scenario.start();
}, 60_000);
afterAll(() => scenario?.dispose(), 60_000);

describe('the word of a gateway', () => {
  it('consumes the grant once, however often it comes, and its outcome is shown', async () => {
    const hold = await scenario.held();
    const { decisionId } = (await scenario.service.vote('bob', hold.requestId, 'approve')).body;
    const digest = approvalDigest(hold.binding).toString('hex');
    const released = scenario.service.gateway.record(
      scenario.service.gateway.told(hold, 'review.released', { decisionId, digest }),
    );
    const concluded = scenario.service.gateway.record(
      scenario.service.gateway.told(hold, 'review.concluded', { outcome: 'completed', tag: 'ALTER TABLE' }),
    );
    await scenario.service.producer.append([released, released, concluded, released, concluded]);
    await eventually(async () => {
      const { body } = await scenario.service.call('alice', 'GET', `/v1/requests/${hold.requestId}`);
      expect(body).toMatchObject({ state: 'consumed', outcome: 'completed' });
    });
    await scenario.untilSent(hold.requestId, 'request.consumed');
    expect(
      (await scenario.typesOf(hold.requestId)).filter((type) => type === 'request.consumed'),
    ).toHaveLength(1);
  });

  it('asked twice opens one request', async () => {
    const hold = await scenario.held();
    await scenario.service.producer.append([scenario.service.gateway.record(hold.asked)]);
    const next = await scenario.held();
    await scenario.untilSent(next.requestId, 'request.routed');
    expect(
      (await scenario.typesOf(hold.requestId)).filter((type) => type === 'request.requested'),
    ).toHaveLength(1);
  });

  it('that the statement was refused there, because it drifted, ends the grant unused', async () => {
    const hold = await scenario.held();
    await scenario.service.vote('bob', hold.requestId, 'approve');
    const concluded = scenario.service.gateway.told(hold, 'review.concluded', { outcome: 'refused' });
    await scenario.service.producer.append([scenario.service.gateway.record(concluded)]);
    await scenario.untilSent(hold.requestId, 'request.cancelled');
    const { body } = await scenario.service.call('alice', 'GET', `/v1/requests/${hold.requestId}`);
    expect(body).toMatchObject({ state: 'cancelled', outcome: 'refused', endReason: 'statement refused' });
  });

  it('that its hold has ended cancels the request', async () => {
    const hold = await scenario.held();
    const cancelled = scenario.service.gateway.told(hold, 'review.cancelled', { reason: 'client-gone' });
    await scenario.service.producer.append([scenario.service.gateway.record(cancelled)]);
    await scenario.untilSent(hold.requestId, 'request.cancelled');
    expect(await scenario.service.vote('bob', hold.requestId, 'approve')).toMatchObject({
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
    const hold = scenario.service.gateway.hold({ policyHash: scenario.service.policy.hash });
    const { asked, key } = lie(hold);
    await scenario.service.producer.append([
      scenario.service.gateway.record(asked as Hold['asked'], key?.signing),
    ]);
    await scenario.untilSent(hold.requestId, 'review.rejected');
    expect(await scenario.eventsOf('approvals', hold.requestId)).toMatchObject([
      { type: 'review.rejected', reason },
    ]);
    expect((await scenario.service.call('carol', 'GET', `/v1/requests/${hold.requestId}`)).status).toBe(404);
  });

  it('opens nothing when a byte was changed on the way, or when it is no event at all', async () => {
    const hold = scenario.service.gateway.hold({ policyHash: scenario.service.policy.hash });
    const record = scenario.service.gateway.record(hold.asked);
    const changed = Buffer.from(record.value);
    changed[changed.indexOf('customers')] = 'C'.charCodeAt(0);
    for (const value of [changed, Buffer.from('{}'), Buffer.alloc(0), Buffer.from([0xff, 0x00])])
      await scenario.service.producer.append([{ ...record, value }]);
    await eventually(async () => expect(await scenario.typesOf(hold.requestId)).toHaveLength(4));
    expect(
      (await scenario.eventsOf('approvals', hold.requestId)).map(
        (event) => 'reason' in event && event.reason,
      ),
    ).toEqual(['bad-signature', 'untrusted-gateway', 'untrusted-gateway', 'untrusted-gateway']);
  });

  it('about a release without a grant is recorded as a finding', async () => {
    const hold = await scenario.held();
    const digest = approvalDigest(hold.binding).toString('hex');
    const released = scenario.service.gateway.told(hold, 'review.released', { decisionId: newId(), digest });
    await scenario.service.producer.append([scenario.service.gateway.record(released)]);
    await scenario.untilSent(hold.requestId, 'review.rejected');
    expect(await scenario.stateOf(hold.requestId)).toBe('pending');
  });
});
