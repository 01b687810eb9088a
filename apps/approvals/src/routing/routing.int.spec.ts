import { identityOf } from '../testing/sample-people.js';
import { Scenario } from '../testing/scenario.js';
import type { HoldOptions } from '../testing/sample-gateway.js';
import { policyOf } from '../testing/test-approvals.js';
import { eventually } from '#libs/testing/eventually.js';

const POLICY = `version: 1
default: allow
rules:
  - id: schema-change
    when: statement.category == 'ddl'
    effect: review
    reviewers: [{ group: dba, count: 1 }]
    routing:
      then: [{ after: 1s, reviewers: [{ group: security, count: 1 }] }]
      reminders: { after: 2s, factor: 1, max: 1 }
risk:
  rules:
    - { id: unmeasured, when: '!signals.estimated', score: 5, reason: The planner gave no estimate }
    - { id: many-rows, when: signals.estimated && signals.rows > 1000, score: 60, reason: Touches many rows }
    - { id: all-rows, when: signals.estimated && signals.share > 0.9, score: 40, reason: Touches nearly every row }
  actions:
    - { id: second-signature, when: risk.level == 'high', raise: [{ group: dba, count: 2 }] }
    - { id: not-all, when: risk.level == 'critical', refuse: { reason: Not all at once, bounded: true, maxRows: 1000 } }
    - { id: trivial, when: signals.rows <= 1 && risk.score == 0, autoGrant: true }
`;

let scenario: Scenario;
beforeAll(async () => {
  scenario = await Scenario.start({ policy: POLICY, maxNotified: 2 });
}, 60_000);
afterAll(() => scenario?.dispose(), 60_000);

const signals = (estimatedRows: number, tableRows = 100_000): NonNullable<HoldOptions['signals']> => ({
  measuredAt: '2026-11-21T12:00:00.000Z',
  estimatedRows,
  tableRows,
  share: estimatedRows / tableRows,
  locks: [],
  locksHeld: [],
  reversible: 'yes',
  personalData: [],
  rowCeiling: 'guaranteed',
});
const get = async (id: string, more = '') =>
  (await scenario.service.call('carol', 'GET', `/v1/requests/${id}${more}`)).body;

describe('risk', () => {
  it('asks for a second signature, and says which rule did', async () => {
    const { requestId } = await scenario.held({ signals: signals(5_000) });
    expect(await get(requestId)).toMatchObject({
      needed: 2,
      risk: { score: 60, level: 'high', actions: [{ rule: 'second-signature', action: 'raise' }] },
    });
    expect((await scenario.service.vote('bob', requestId, 'approve')).body.state).toBe('pending');
    expect((await scenario.service.vote('dana', requestId, 'approve')).body.state).toBe('granted');
  });

  it('refuses with the rule and what would be approvable, and the gateway gets a signed refusal', async () => {
    const { requestId } = await scenario.held({ signals: signals(99_000) });
    expect(await get(requestId)).toMatchObject({
      state: 'refused',
      automatic: { rule: 'not-all' },
      refusal: {
        code: 'refused-by-policy',
        rule: 'not-all',
        reason: 'Not all at once',
        approvable: { bounded: true, maxRows: 1000 },
      },
    });
    const { event } = await scenario.decisionOf(requestId);
    expect(event).toMatchObject({ verdict: 'refused', decidedBy: ['policy:not-all'] });
  });

  it('grants by itself where the policy says autoGrant, and says so', async () => {
    const { requestId } = await scenario.held({ signals: signals(1) });
    expect(await get(requestId)).toMatchObject({
      state: 'granted',
      automatic: { rule: 'trivial' },
      votes: [],
    });
    const { event } = await scenario.decisionOf(requestId);
    expect(event).toMatchObject({ verdict: 'granted', decidedBy: ['policy:trivial'] });
    const stranger = { ...identityOf('alice'), name: 'nobody-knows', subject: 'x' };
    const other = await scenario.held({ signals: signals(1), requester: stranger });
    expect((await get(other.requestId)).state).toBe('pending');
  });

  it('is used up at once by the attempt that it grants by itself', async () => {
    const { receipt, hold } = await scenario.attempted({ signals: signals(1) });
    expect(receipt).toMatchObject({
      verdict: 'consumed',
      requestId: hold.requestId,
      decidedBy: ['policy:trivial'],
    });
  });

  it('refuses an attempt in its receipt', async () => {
    const { receipt } = await scenario.attempted({
      signals: signals(99_000),
      sql: 'ALTER TABLE a ADD b int',
    });
    expect(receipt).toMatchObject({ verdict: 'refused', reason: 'Not all at once' });
  });

  it('can be derived again from what is stored, also when another policy is in force', async () => {
    const { requestId } = await scenario.held({ signals: signals(5_000) });
    const another = await scenario.service.startAnother({ policy: POLICY.replace('score: 60', 'score: 1') });
    try {
      const explanation = await get(requestId, '/explanation');
      expect(explanation).toMatchObject({ same: true, assessment: { score: 60 }, derived: { score: 60 } });
      expect(explanation.inputs.policyHash).toBe(scenario.service.policy.hash);
      const later = policyOf(POLICY.replace('score: 60', 'score: 1'));
      const newer = await scenario.held({ signals: signals(5_000), policyHash: later.hash });
      expect((await get(newer.requestId)).risk.score).toBe(1);
    } finally {
      await another.stop();
    }
  });

  it('waits for a policy that nobody published, and judges by it once it is', async () => {
    const text = POLICY.replace('score: 60', 'score: 61');
    const { requestId } = await scenario.held({ signals: signals(5_000), policyHash: policyOf(text).hash });
    expect(await get(requestId)).toMatchObject({ state: 'pending', needed: null });
    expect(await scenario.service.vote('bob', requestId, 'approve')).toMatchObject({
      body: { code: 'not-routed' },
    });
    expect(await get(requestId, '/explanation')).toMatchObject({ same: null, route: null });
    const another = await scenario.service.startAnother({ policy: text });
    try {
      await eventually(async () => expect((await get(requestId)).risk).toMatchObject({ score: 61 }));
    } finally {
      await another.stop();
    }
  });
});

describe('reviewers', () => {
  it('are counted before they are told, escalated to others, and reminded', async () => {
    const { requestId } = await scenario.held();
    await scenario.untilSent(requestId, 'request.reminded');
    const events = await scenario.eventsOf('approvals', requestId);
    const told = events.filter((event) => event.type === 'request.reviewer-notified');
    expect(told.map(({ step, count }) => ({ step, count }))).toEqual([
      { step: 'asked', count: 3 },
      { step: 'escalated', count: 2 },
      { step: 'reminded', count: 4 },
    ]);
    // Three are more than two: only channels are told.
    expect(told.map(({ people }) => people)).toEqual([[], ['omar', 'zoe'], []]);
    expect(await get(requestId)).toMatchObject({ escalatedTo: [[{ group: 'security', count: 1 }]] });
    expect((await scenario.service.call('omar', 'GET', `/v1/requests/${requestId}`)).status).toBe(200);
    expect((await scenario.service.vote('omar', requestId, 'approve')).body.state).toBe('granted');
  });
});
