import type { Signals } from '#libs/contracts/events/signals.js';
import { loadPolicy } from './load-policy.js';
import { joinReviewers, readReviewRules } from './review-rules.js';
import type { RiskInput } from './risk-facts.js';

const POLICY = `version: 3
default: review
reviewers: [{ group: dba, count: 1 }]
risk:
  rules:
    - { id: many-rows, when: signals.share > 0.2 || signals.rows > 10000, score: 40, reason: Changes much of the table }
    - { id: for-good, when: '!signals.reversible', score: 20 }
    - { id: by-an-agent, when: identity.kind == 'agent', score: 15, reason: Nobody typed it }
    - { id: broken, when: 'statement.reads[0] == "public.never" && rule == "odd"', score: 1 }
  actions:
    - { id: two-eyes-more, when: risk.level == 'high', raise: [{ group: dba, count: 2 }] }
    - id: never-all-of-it
      when: risk.score >= 75
      refuse: { reason: Split it up, bounded: true, maxRows: 500 }
    - { id: small-and-known, when: risk.score < 10 && identity.verified, autoGrant: true }
`;
const rules = readReviewRules(POLICY, 'test');

const SIGNALS: Signals = {
  measuredAt: '2026-11-21T12:00:00.000Z',
  estimatedRows: 3,
  tableRows: 1_000,
  share: 0.003,
  locks: [],
  locksHeld: [],
  reversible: 'yes',
  personalData: [],
  rowCeiling: 'guaranteed',
};
const input = (over: Partial<RiskInput> = {}): RiskInput => ({
  statement: {
    sha256: 'ab'.repeat(32),
    bytes: 3,
    kind: 'UPDATE',
    kinds: ['UPDATE'],
    category: 'write',
    reads: ['public.orders'],
  },
  requester: { name: 'alice', kind: 'human', issuer: 'i', subject: 's', groups: [] },
  target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
  rule: 'default',
  signals: SIGNALS,
  verified: true,
  at: Date.parse('2026-11-21T12:00:00.000Z'),
  ...over,
});
const assess = (over: Partial<RiskInput> = {}) => rules.risk!(input(over));

describe('risk', () => {
  it('adds up what applies, with a reason for each', () => {
    const agent = { ...input().requester, kind: 'agent' as const };
    expect(assess({ signals: { ...SIGNALS, share: 0.5 }, requester: agent })).toMatchObject({
      score: 55,
      level: 'medium',
      reasons: [
        { rule: 'many-rows', score: 40, reason: 'Changes much of the table' },
        { rule: 'by-an-agent', score: 15, reason: 'Nobody typed it' },
      ],
      raise: [],
    });
  });

  it('asks for more signatures where the policy says so', () => {
    const high = assess({ signals: { ...SIGNALS, share: 0.5, reversible: 'no' } });
    expect(high).toMatchObject({ score: 60, level: 'high', raise: [{ rule: 'two-eyes-more' }] });
    expect(joinReviewers([{ group: 'dba', count: 1 }], high.raise[0]!.reviewers)).toEqual([
      { group: 'dba', count: 2 },
    ]);
  });

  it('refuses with what would be approvable', () => {
    const agent = { ...input().requester, kind: 'agent' as const };
    expect(assess({ signals: undefined, requester: agent }).refuse).toEqual({
      rule: 'never-all-of-it',
      reason: 'Split it up',
      approvable: { bounded: true, maxRows: 500 },
    });
  });

  it('counts what was not measured as the strictest', () => {
    expect(assess({ signals: undefined })).toEqual(
      assess({ signals: { ...SIGNALS, estimatedRows: null, share: null, reversible: 'unknown' } }),
    );
    expect(assess({ signals: { ...SIGNALS, estimatedRows: null, share: null } }).score).toBe(40);
  });

  it('counts a rule that cannot be evaluated fully', () => {
    const { reads, ...nothingRead } = input().statement;
    expect(reads).toBeDefined();
    expect(assess({ statement: nothingRead, rule: 'odd' })).toMatchObject({
      score: 100,
      level: 'critical',
      reasons: [{ rule: 'broken', score: 100, reason: 'the rule could not be evaluated' }],
      autoGrant: undefined,
    });
  });

  it('grants by itself only for identities that are verified, and where no other action applies', () => {
    expect(assess().autoGrant).toBe('small-and-known');
    expect(assess({ verified: false }).autoGrant).toBeUndefined();
    expect(assess({ signals: { ...SIGNALS, share: 0.9 } }).autoGrant).toBeUndefined();
  });

  it('gives the same bytes for the same input', () => {
    const bytes = (): string => JSON.stringify(assess({ signals: undefined }));
    expect(bytes()).toBe(bytes());
    expect(JSON.stringify(readReviewRules(POLICY, 'again').risk!(input({ signals: undefined })))).toBe(
      bytes(),
    );
  });
});

describe('a policy’s routing and risk', () => {
  const rule = (routing: string): string =>
    `version: 1\nrules:\n  - id: r\n    when: 'true'\n    effect: review\n    reviewers: [{ anyOf: [dba, sre], count: 2 }]\n    routing: ${routing}\n`;

  it('are read with the rule, else with the policy', () => {
    const text = rule(
      '{ order: sequential, then: [{ after: 10m, reviewers: [{ group: on-call, count: 1 }] }] }',
    );
    expect(loadPolicy({ text, file: 'p' }).rule('r')?.reviewers).toEqual([
      { group: 'dba', or: ['sre'], count: 2 },
    ]);
    expect(readReviewRules(text, 'p').routingOf('r')).toMatchObject({
      order: 'sequential',
      then: [{ after: 600_000, reviewers: [{ group: 'on-call', count: 1 }] }],
    });
    expect(
      readReviewRules(`${POLICY}routing: { reminders: { after: 5m } }`, 'p').routingOf('any'),
    ).toMatchObject({
      reminders: { after: 300_000 },
    });
  });

  it.each([
    [rule('{ windows: [{ from: "25:00", to: "06:00" }] }'), 7, 'time of day'],
    [rule('{ windows: [{ from: "22:00", to: "06:00", timeZone: Europe/Nowhere }] }'), 7, 'time zone'],
    [rule('{ then: [{ after: soon, reviewers: [{ group: a, count: 1 }] }] }'), 7, 'length of time'],
    [rule('{ otherwise: 1 }'), 7, 'is not a key that exists'],
    [`version: 1\nrisk:\n  rules:\n    - { id: a, when: 'signals.rows', score: 1 }\n`, 4, 'not a boolean'],
    [`version: 1\nrisk:\n  rules:\n    - { id: a, when: 'signal.rows > 1', score: 1 }\n`, 4, 'not valid'],
    [`version: 1\nrisk:\n  actions:\n    - { id: a, when: 'true' }\n`, 4, 'exactly one of'],
  ])('are refused whole with the line: %j', (text, line, reason) => {
    expect(() => loadPolicy({ text, file: 'p.yaml' })).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(new RegExp(`p\\.yaml:${line}.*${reason}`)) as string,
      }),
    );
  });
});
