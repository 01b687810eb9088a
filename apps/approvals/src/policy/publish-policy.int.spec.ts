import { parseEvent, type EventOf } from '#libs/contracts/events/registry.js';
import { verifyEvent } from '#libs/contracts/event-signature.js';
import { eventually } from '#libs/testing/eventually.js';
import { policyOf } from '../testing/test-approvals.js';
import { Scenario } from '../testing/scenario.js';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await Scenario.start();
}, 60_000);
afterAll(() => scenario?.dispose(), 60_000);

describe('the policy', () => {
  it('PEERS: is published, signed, with its text, and published again only when it has changed', async () => {
    const published = async (): Promise<EventOf<'policy.published'>[]> =>
      (await scenario.platform.readTopic('control')).map((record) => {
        expect(verifyEvent(record.value as Buffer, scenario.service.decisionKey.trusted).ok).toBe(true);
        const parsed = parseEvent(record.value as Buffer);
        return (parsed.ok ? parsed.event : undefined) as EventOf<'policy.published'>;
      });
    await eventually(async () => expect(await published()).toHaveLength(1));
    const same = await scenario.service.startAnother();
    await same.stop();
    expect(await published()).toHaveLength(1);

    // A request of a policy nobody has published waits, and is routed when it is.
    const text = scenario.service.policy.text.replace('count: 1', 'count: 2');
    const policy = policyOf(text);
    const hold = await scenario.held({ policyHash: policy.hash });
    const { body } = await scenario.service.call('carol', 'GET', `/v1/requests/${hold.requestId}`);
    expect(body).toMatchObject({ state: 'pending', needed: null, reviewers: [] });
    expect(await scenario.service.vote('bob', hold.requestId, 'approve')).toMatchObject({
      status: 409,
      body: { code: 'not-routed' },
    });
    const other = await scenario.service.startAnother({ policy: text });
    try {
      await eventually(async () => {
        const found = await scenario.service.call('bob', 'GET', `/v1/requests/${hold.requestId}`);
        expect(found.body).toMatchObject({ needed: 2 });
      });
      await eventually(async () => expect(await published()).toHaveLength(2));
      expect((await published())[1]).toMatchObject({
        policyHash: policy.hash,
        previousHash: scenario.service.policy.hash,
        text,
      });
    } finally {
      await other.stop();
    }
  });
});
