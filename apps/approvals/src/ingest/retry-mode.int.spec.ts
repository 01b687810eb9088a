import { verifyEvent } from '#libs/contracts/event-signature.js';
import { identityOf } from '../testing/sample-people.js';
import { Scenario } from '../testing/scenario.js';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await Scenario.start();
}, 60_000);
afterAll(() => scenario?.dispose(), 60_000);

let n = 0;
const fresh = (): string => `ALTER TABLE customers ADD COLUMN c${(n += 1)} text`;

describe('a statement whose client does not wait', () => {
  it('opens a request at its first attempt and names the same one at the next', async () => {
    const sql = fresh();
    const first = await scenario.attempted({ sql });
    expect(first.receipt).toMatchObject({
      verdict: 'pending',
      requestId: first.hold.requestId,
      intentId: first.hold.intentId,
    });
    const second = await scenario.attempted({ sql });
    expect(second.receipt).toMatchObject({ verdict: 'pending', requestId: first.hold.requestId });
    expect(second.hold.requestId).not.toBe(first.hold.requestId);
    expect(
      (await scenario.service.call('carol', 'GET', `/v1/requests/${second.hold.requestId}`)).status,
    ).toBe(404);
  });

  it('is granted without a decision to the gateway, and used up by the next attempt alone', async () => {
    const sql = fresh();
    const first = await scenario.attempted({ sql });
    const id = first.hold.requestId;
    expect((await scenario.service.vote('bob', id, 'approve', { maxRows: 7 })).body.state).toBe('granted');
    const second = await scenario.attempted({ sql });
    const { body } = await scenario.service.call('carol', 'GET', `/v1/requests/${id}`);
    expect(second.receipt).toMatchObject({
      verdict: 'consumed',
      requestId: id,
      decisionId: body.decisionId,
      decidedBy: ['bob'],
      maxRows: 7,
    });
    expect(body).toMatchObject({ state: 'consumed', consumedBy: second.hold.intentId, wait: 'retry' });
    const third = await scenario.attempted({ sql });
    expect(third.receipt).toMatchObject({ verdict: 'pending', requestId: third.hold.requestId });
    const sent = await scenario.eventsOf('decisions', id);
    expect(sent.map(({ type }) => type)).not.toContain('decision.issued');
  });

  it('is answered with a receipt that the decision key signed', async () => {
    const { hold } = await scenario.attempted({ sql: fresh() });
    const records = await scenario.platform.readTopic('decisions');
    const record = records.find(({ value }) => value?.toString().includes(hold.intentId) === true);
    expect(record?.key?.toString()).toBe(scenario.service.gateway.gatewayId);
    expect(verifyEvent(record?.value as Buffer, scenario.service.decisionKey.trusted)).toMatchObject({
      ok: true,
    });
  });

  it('is one attempt however often it is delivered', async () => {
    const sql = fresh();
    const first = await scenario.attempted({ sql });
    await scenario.service.vote('bob', first.hold.requestId, 'approve');
    const second = await scenario.attempted({ sql });
    const { gateway, producer } = scenario.service;
    await producer.append([gateway.record(second.hold.asked), gateway.record(first.hold.asked)]);
    const third = await scenario.attempted({ sql });
    expect(third.receipt.verdict).toBe('pending');
    expect(await scenario.receiptsOf(second.hold.intentId)).toHaveLength(1);
    expect(await scenario.receiptsOf(first.hold.intentId)).toHaveLength(1);
  });

  it('uses one grant once when many attempts come at the same time', async () => {
    const sql = fresh();
    const first = await scenario.attempted({ sql });
    await scenario.service.vote('bob', first.hold.requestId, 'approve');
    const { gateway, producer, policy } = scenario.service;
    const holds = Array.from({ length: 12 }, () =>
      gateway.hold({ policyHash: policy.hash, wait: 'retry', sql }),
    );
    await producer.append(holds.map((hold) => gateway.record(hold.asked)));
    const receipts = (await Promise.all(holds.map((hold) => scenario.receiptsOf(hold.intentId)))).flat();
    expect(receipts).toHaveLength(12);
    expect(receipts.filter(({ verdict }) => verdict === 'consumed')).toHaveLength(1);
    const waiting = receipts.filter(({ verdict }) => verdict === 'pending');
    expect(new Set(waiting.map(({ requestId }) => requestId)).size).toBe(1);
  });

  it('uses up no grant for an attempt that nobody looks after any more', async () => {
    const sql = fresh();
    const first = await scenario.attempted({ sql });
    await scenario.service.vote('bob', first.hold.requestId, 'approve');
    const late = await scenario.attempted({ sql, answerBy: Date.now() - 1 });
    expect(late.receipt).toMatchObject({ verdict: 'pending', requestId: first.hold.requestId });
    const inTime = await scenario.attempted({ sql, answerBy: Date.now() + 60_000 });
    expect(inTime.receipt).toMatchObject({ verdict: 'consumed', requestId: first.hold.requestId });
  });

  it('is told once more why it was refused, with the reviewer and the reason', async () => {
    const sql = fresh();
    const first = await scenario.attempted({ sql });
    await scenario.service.vote('bob', first.hold.requestId, 'deny', { reason: 'after the release' });
    const second = await scenario.attempted({ sql });
    expect(second.receipt).toMatchObject({
      verdict: 'refused',
      requestId: first.hold.requestId,
      decidedBy: ['bob'],
      reason: 'after the release',
    });
  });

  it('belongs to its requester: the same text of somebody else is another request', async () => {
    const sql = fresh();
    const first = await scenario.attempted({ sql });
    await scenario.service.vote('bob', first.hold.requestId, 'approve');
    const other = await scenario.attempted({ sql, requester: identityOf('erin') });
    expect(other.receipt).toMatchObject({ verdict: 'pending', requestId: other.hold.requestId });
  });

  it('waits on when an attempt ends, and takes the outcome of the attempt that ran', async () => {
    const sql = fresh();
    const first = await scenario.attempted({ sql });
    const { gateway, producer } = scenario.service;
    const tell = (of: typeof first, type: 'review.concluded' | 'review.released', fields: object) =>
      producer.append([gateway.record(gateway.told(of.hold, type, fields))]);
    await tell(first, 'review.concluded', { outcome: 'refused', sqlstate: '55000' });
    await scenario.attempted({ sql: fresh() });
    await scenario.service.vote('bob', first.hold.requestId, 'approve');
    const second = await scenario.attempted({ sql });
    const { decisionId, digest } = second.receipt;
    await tell(second, 'review.released', { decisionId, digest });
    await tell(second, 'review.concluded', { outcome: 'completed' });
    let body;
    do ({ body } = await scenario.service.call('carol', 'GET', `/v1/requests/${first.hold.requestId}`));
    while (body.outcome === undefined);
    expect(body).toMatchObject({ state: 'consumed', outcome: 'completed' });
    expect(await scenario.typesOf(second.hold.requestId)).not.toContain('review.rejected');
  });

  it('must not be bound to a session, as a hold must', async () => {
    const { gateway, producer, policy } = scenario.service;
    const bound = gateway.hold({ policyHash: policy.hash });
    const unbound = gateway.hold({ policyHash: policy.hash, wait: 'retry' });
    const { wait, ...held } = { ...unbound.asked, wait: 'retry' };
    expect(wait).toBe('retry');
    await producer.append([
      gateway.record({ ...bound.asked, wait: 'retry' } as typeof bound.asked),
      gateway.record(held as typeof unbound.asked),
    ]);
    await scenario.untilSent(bound.requestId, 'review.rejected');
    await scenario.untilSent(unbound.requestId, 'review.rejected');
  });
});
