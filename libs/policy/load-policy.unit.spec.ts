import { createHash } from 'node:crypto';
import type { Identity } from '#libs/contracts/identity.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { StatementAnalysis } from '#libs/sql/analysis.js';
import { loadBuiltinPolicy, loadPolicy } from './load-policy.js';
import type { PolicyInput } from './policy.js';
import { PolicyError } from './policy-error.js';

const ALICE: Identity = { name: 'alice', kind: 'human', groups: ['engineering'], issuer: 'i', subject: 's' };
const SHOP: Target = { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' };

const statement = (given: Partial<StatementAnalysis> = {}): StatementAnalysis => ({
  kind: given.kinds?.[0] ?? 'SELECT',
  kinds: ['SELECT'],
  category: 'read',
  reads: [],
  writes: [],
  functions: [],
  settings: [],
  traits: [],
  bounded: true,
  changesContext: false,
  start: 0,
  end: 1,
  ...given,
});

const input = (
  statements: readonly Partial<StatementAnalysis>[] = [{}],
  rest: Partial<Omit<PolicyInput, 'analysis'>> = {},
): PolicyInput => ({
  analysis: { statements: statements.map(statement), credentials: [] },
  identity: ALICE,
  target: SHOP,
  session: { applicationName: 'psql', clientAddress: '192.0.2.1', insideTransaction: false },
  now: Date.UTC(2026, 10, 21, 13, 46, 51),
  ...rest,
});

interface RuleText {
  id?: string;
  when: string;
  effect?: string;
  more?: string;
}

/** A policy of these rules, the first on line 4, five lines each with `more`, four without. */
const policyText = (rules: readonly RuleText[], head = 'default: allow'): string =>
  [
    'version: 1',
    head,
    'rules:',
    ...rules.flatMap(({ id = 'one', when, effect = 'deny', more }) => [
      `  - id: ${id}`,
      `    when: ${JSON.stringify(when)}`,
      `    effect: ${effect}`,
      ...(more === undefined ? [] : [`    ${more}`]),
    ]),
  ].join('\n');

const policy = (rules: readonly RuleText[], head?: string) =>
  loadPolicy({ text: policyText(rules, head), file: 'p.yaml' });

function refusalOf(text: string): string {
  try {
    loadPolicy({ text, file: 'p.yaml' });
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('the strictest effect wins', () => {
  const three: RuleText[] = [
    { id: 'a', when: "statement.category == 'read'", effect: 'allow' },
    { id: 'b', when: "'t' in statement.tables", effect: 'review' },
    { id: 'c', when: "'t' in statement.tables", effect: 'review' },
    { id: 'd', when: "'u' in statement.tables", effect: 'deny' },
  ];

  it.each([
    [[{ reads: ['x'] }], 'allow', 'a'],
    [[{ reads: ['t'] }], 'review', 'b'],
    [[{ writes: ['t', 'u'] }], 'deny', 'd'],
    [[{ reads: ['x'] }, { reads: ['t'] }], 'review', 'b'],
    [[{ reads: ['t'] }, { reads: ['u'] }, { reads: ['x'] }], 'deny', 'd'],
    [[{ category: 'utility' as const }], 'allow', 'default'],
  ])('%j: %s by %s', (statements, effect, rule) => {
    expect(policy(three).judge(input(statements))).toMatchObject({ effect, rule });
  });

  it('whatever the order of the rules', () => {
    expect(policy([...three].reverse()).judge(input([{ reads: ['t', 'u'] }]))).toMatchObject({ rule: 'd' });
  });

  it('a default that is stricter than a matching rule does not count', () => {
    const verdict = policy([{ when: 'true', effect: 'allow' }], 'default: deny').judge(input());
    expect(verdict).toMatchObject({ effect: 'allow', rule: 'one' });
  });
});

describe('where no rule matches', () => {
  it.each([
    ['default: allow', 'allow'],
    ['default: deny', 'deny'],
    ['default: review', 'review'],
    ['masking: off', 'deny'],
  ])('%s gives %s', (head, effect) => {
    const verdict = policy([{ when: 'false' }], head).judge(input());
    expect(verdict).toMatchObject({ effect, rule: 'default' });
    expect(verdict.reviewers).toEqual(effect === 'review' ? [{ group: 'dba', count: 1 }] : []);
  });

  it('a message without a statement is allowed', () => {
    expect(policy([{ when: 'true' }], 'default: deny').judge(input([]))).toMatchObject({ effect: 'allow' });
  });
});

describe('conditions', () => {
  it.each([
    ["statement.kind == 'DELETE'", true],
    ["statement.kind == 'SELECT'", true],
    ["statement.kind == 'UPDATE'", false],
    ["statement.kinds == ['SELECT', 'DELETE']", true],
    ["statement.kind.matches('^DEL')", true],
    ["'dynamic-sql' in statement.traits", false],
    ['!statement.bounded && !statement.incomplete', true],
    ["identity.name == 'alice' && 'engineering' in identity.groups", true],
    ["identity.onBehalfOf == ''", true],
    ["target.name == 'shop' && target.database == 'shop' && target.kind == 'postgres'", true],
    ["session.applicationName == 'psql' && !session.insideTransaction", true],
    ["identity.issuer == 'i' && identity.subject == 's'", true],
    ["session.clientAddress.inNetwork('192.0.2.0/24')", true],
    ["session.clientAddress.inNetwork('2001:db8::/32')", false],
    ["statement.tag('agent') == '' && !('agent' in statement.tags)", true],
    ["time.minute == 46 && time.date == '2026-11-21'", true],
    ["time.hour == 13 && time.weekday == 6 && time.iso.startsWith('2026-11-21T13:')", true],
  ])('%s: %s', (when, matches) => {
    const verdict = policy([{ when }]).judge(input([{ kinds: ['SELECT', 'DELETE'], bounded: false }]));
    expect(verdict.effect).toBe(matches ? 'deny' : 'allow');
  });

  it('that cannot be evaluated deny', () => {
    const verdict = policy([{ id: 'odd', when: "statement.reads[3] == 'x'", effect: 'allow' }]).judge(
      input(),
    );
    expect(verdict).toMatchObject({ effect: 'deny', rule: 'odd' });
  });

  it('that look at the time are asked anew each time', () => {
    const nightly = policy([{ when: 'time.hour < 6' }]);
    const once = input();
    expect(nightly.judge(once).effect).toBe('allow');
    expect(nightly.judge({ ...once, now: Date.UTC(2026, 10, 21, 3) }).effect).toBe('deny');
  });

  it('a verdict given for one identity, target or session is not another one’s', () => {
    const picky = policy([
      { id: 'who', when: "identity.name == 'erin'" },
      { id: 'where', when: "target.environment == 'staging'" },
      { id: 'how', when: 'session.insideTransaction' },
    ]);
    const once = input();
    const ruleFor = (change: Partial<PolicyInput>): string => picky.judge({ ...once, ...change }).rule;
    expect(ruleFor({})).toBe('default');
    expect(ruleFor({ identity: { ...ALICE, name: 'erin' } })).toBe('who');
    expect(ruleFor({ target: { ...SHOP, environment: 'staging' } })).toBe('where');
    expect(ruleFor({ session: { ...once.session, insideTransaction: true } })).toBe('how');
    expect(ruleFor({})).toBe('default');
  });
});

describe('reviewers and limits', () => {
  const review = (more?: string, head?: string) =>
    policy([{ when: 'true', effect: 'review', ...(more === undefined ? {} : { more }) }], head);

  it('are the rule’s own, else the policy’s, else the installation’s', () => {
    const own = 'reviewers: [{ group: sre, count: 2 }]';
    expect(review(own).judge(input()).reviewers).toEqual([{ group: 'sre', count: 2 }]);
    expect(review(undefined, own).rule('one')?.reviewers).toEqual([{ group: 'sre', count: 2 }]);
    const text = policyText([{ when: 'true', effect: 'review' }]);
    const named = loadPolicy({ text, file: 'p.yaml', reviewers: 'owners' });
    expect(named.judge(input()).reviewers).toEqual([{ group: 'owners', count: 1 }]);
  });

  it('expires is a length of time', () => {
    expect(review('expires: 15m').judge(input()).expiresMs).toBe(900_000);
    expect(review('expires: 15m').rule('one')?.expiresMs).toBe(900_000);
    expect(review().judge(input())).not.toHaveProperty('expiresMs');
    expect(review().rule('other')).toBeUndefined();
  });

  it('of several rules that hold a statement the first names the reviewers, the shortest time counts', () => {
    const rules = [undefined, 'expires: 15m', 'expires: 5s', 'expires: 1h'].map((more, index) => ({
      id: `r${index}`,
      when: 'true',
      effect: 'review',
      ...(more === undefined ? {} : { more }),
    }));
    expect(policy(rules).judge(input())).toMatchObject({ rule: 'r0', expiresMs: 5_000 });
  });

  it('of several rules that hold a statement the one that asks for more signatures counts', () => {
    const rules = [1, 3, 2].map((count) => ({
      id: `r${count}`,
      when: 'true',
      effect: 'review',
      more: `reviewers: [{ group: dba, count: ${count} }]`,
    }));
    expect(policy(rules).judge(input())).toMatchObject({
      rule: 'r3',
      reviewers: [{ group: 'dba', count: 3 }],
    });
  });
});

describe('a bad policy is refused whole, in one line with file and line', () => {
  const rule = (more: string): string => policyText([{ when: 'true', effect: 'review', more }]);

  it.each([
    ['', /^p\.yaml:1: /],
    ['version: 1\nrules: [', /^p\.yaml:2: /],
    ['version: 1\nversion: 2', /^p\.yaml:2: .*unique/],
    ['version: one', /^p\.yaml:1: version: /],
    ['version: 1\nmaskin: off', /^p\.yaml:2: maskin: is not a key that exists$/],
    ['version: 1\nmasking: on', /^p\.yaml:2: masking: masking does not exist yet: set masking: off$/],
    ['version: 1\nmasking: true', /^p\.yaml:2: masking: masking does not exist yet/],
    ['version: 1\nmasking: half', /^p\.yaml:2: masking: must be on or off$/],
    ['version: 1\n\ndefault: permit', /^p\.yaml:3: default: /],
    ['version: 1\nextends: other', /^p\.yaml:2: extends: must be builtin$/],
    [policyText([{ when: 'true', effect: 'hold' }]), /^p\.yaml:6: rules\.0\.effect: must be one of allow/],
    [rule('riskiness: 5'), /^p\.yaml:7: rules\.0\.riskiness: is not a key that exists$/],
    [rule('risk: 101'), /^p\.yaml:7: rules\.0\.risk: /],
    [rule('controls: [CC 6.1]'), /^p\.yaml:7: rules\.0\.controls\.0: must be the name of a control/],
    [rule('redact: rows'), /^p\.yaml:7: rules\.0\.redact: must be literals, parameters or both$/],
    [rule('insideTransaction: 2m'), /^p\.yaml:7: rules\.0\.insideTransaction: must be .*refuse/],
    [
      policyText([{ when: 'true', more: 'maxRows: 5' }]),
      /^p\.yaml:7: rule one: maxRows has no part in effect deny$/,
    ],
    [
      policyText([{ when: 'true', effect: 'flag', more: 'insideTransaction: refuse' }]),
      /no part in effect flag$/,
    ],
    ['version: 1\ntimeZone: Mars/Olympus', /^p\.yaml:2: timeZone: must be a time zone/],
    ['version: 1\nchange: { author: dana }', /^p\.yaml:2: change\.reason: /],
    [policyText([{ when: "statement.kind.matches('[')" }]), /^p\.yaml:5: .* is not a regular expression$/],
    [
      policyText([{ when: "session.clientAddress.inNetwork('10.0.0.0')" }]),
      /^p\.yaml:5: .* is not a network/,
    ],
    [policyText([{ when: 'time.hour == "9"' }]), /^p\.yaml:5: rule one: when is not valid: /],
    [rule('reviewers: [{ group: dba, count: 0 }]'), /^p\.yaml:7: .*nobody could approve$/],
    [rule('reviewers: []'), /^p\.yaml:7: .*nobody could approve$/],
    [rule('reviewers: [{ group: dba }]'), /^p\.yaml:7: rules\.0\.reviewers\.0\.count: /],
    [rule('expires: soon'), /^p\.yaml:7: .*such as 15m$/],
    [rule('expires: 30d'), /^p\.yaml:7: .*from 1s to 7d/],
    [policyText([{ when: 'true', more: 'expires: 5m' }]), /^p\.yaml:7: rule one: expires has no part/],
    [policyText([{ when: 'true', more: 'reviewers: [{ group: a, count: 1 }]' }]), /^p\.yaml:7: .*no part/],
    [policyText([{ when: 'statement.kid == 1' }]), /^p\.yaml:5: rule one: when is not valid: .*kid/],
    [policyText([{ when: 'user == 1' }]), /^p\.yaml:5: rule one: when is not valid: .*user/],
    [policyText([{ when: 'statement.kind == ' }]), /^p\.yaml:5: rule one: when cannot be parsed: /],
    [policyText([{ when: 'statement.kind == 1' }]), /^p\.yaml:5: rule one: when is not valid: /],
    [policyText([{ when: 'statement.kind' }]), /^p\.yaml:5: rule one: when gives string, not a boolean$/],
    [policyText([{ when: 'true' }, { when: 'false' }]), /^p\.yaml:7: rule one: the id is taken by line 4$/],
    [policyText([{ id: 'default', when: 'true' }]), /^p\.yaml:4: rules\.0\.id: must not be default/],
    [policyText([{ id: 'No Spaces', when: 'true' }]), /^p\.yaml:4: rules\.0\.id: /],
    [policyText([{ when: `${'('.repeat(500)}true${')'.repeat(500)}` }]), /^p\.yaml:5: /],
    [`version: 1\n# ${'x'.repeat(262_144)}`, /^p\.yaml:1: is longer than 262144 bytes$/],
    [
      policyText([{ id: 'no-truncate', when: 'true' }], 'extends: builtin'),
      /^p\.yaml:4: rule no-truncate: the id is taken by the built-in policy$/,
    ],
  ])('%j', (text, message) => {
    const refusal = refusalOf(text);
    expect(refusal).toMatch(message);
    expect(refusal).not.toContain('\n');
  });
});

describe('text and hash', () => {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('are of the exact text that was given', () => {
    const text = policyText([{ when: 'true' }]);
    const loaded = loadPolicy({ text, file: 'p.yaml' });
    expect(loaded.text).toBe(text);
    expect(loaded.hash).toBe(sha256(text));
  });

  it('of the built-in policy name the group that signs, and load again as they are', () => {
    const builtin = loadBuiltinPolicy({ reviewers: 'night: "owls"' });
    expect(builtin.rule('schema-change')?.reviewers).toEqual([{ group: 'night: "owls"', count: 1 }]);
    expect(builtin.rule('default')?.reviewers).toEqual([{ group: 'night: "owls"', count: 1 }]);
    expect(builtin.hash).not.toBe(loadBuiltinPolicy().hash);
    const again = loadPolicy({ text: builtin.text, file: 'published', reviewers: 'other' });
    expect(again.hash).toBe(builtin.hash);
    expect(again.rule('schema-change')).toEqual(builtin.rule('schema-change'));
  });

  it('of an extension hold the built-in rules too, and need nothing beside themselves', () => {
    const text = policyText([{ id: 'mine', when: "'salaries' in statement.reads" }], 'extends: builtin');
    const extended = loadPolicy({ text, file: 'p.yaml', reviewers: 'owners' });
    const again = loadPolicy({ text: extended.text, file: 'published', reviewers: 'other' });
    expect(again.hash).toBe(extended.hash);
    for (const loaded of [extended, again]) {
      expect(loaded.judge(input([{ reads: ['salaries'] }]))).toMatchObject({ effect: 'deny', rule: 'mine' });
      expect(loaded.judge(input([{ kinds: ['TRUNCATE'], category: 'write' }]))).toMatchObject({
        effect: 'deny',
        rule: 'no-truncate',
      });
      expect(loaded.judge(input([{ category: 'utility', kinds: ['NEW'] }]))).toMatchObject({
        effect: 'review',
      });
      expect(loaded.rule('schema-change')?.reviewers).toEqual([{ group: 'owners', count: 1 }]);
    }
  });
});

describe('who signs for the next policy', () => {
  const guard = 'policyChanges: { reviewers: [{ anyOf: [dba, security], count: 2 }], proposers: [platform] }';

  it('is read with the policy, also with the built-in rules, and a day is what they have', () => {
    for (const head of [guard, `extends: builtin\n${guard}`])
      expect(loadPolicy({ text: `version: 1\n${head}\n`, file: 'p.yaml' }).changeRules).toEqual({
        reviewers: [{ group: 'dba', or: ['security'], count: 2 }],
        expires: 86_400_000,
        proposers: ['platform'],
      });
    expect(loadBuiltinPolicy().changeRules).toBeUndefined();
  });

  it.each([
    ['policyChanges: {}', /policyChanges\.reviewers/],
    ['policyChanges: { reviewers: [] }', /nobody could approve/],
    ['policyChanges: { reviewers: [{ group: dba, count: 0 }] }', /at least 1/],
    ['policyChanges: { reviewers: [{ group: dba, count: 1 }], expires: 1s }', /from 1m to 30d/],
    ['policyChanges: { reviewers: [{ group: dba, count: 1 }], quorum: 1 }', /is not a key that exists/],
  ])('%s is refused', (head, problem) => {
    expect(() => loadPolicy({ text: `version: 1\n${head}\n`, file: 'p.yaml' })).toThrow(problem);
  });
});
