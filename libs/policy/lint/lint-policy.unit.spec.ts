import { readFileSync } from 'node:fs';
import { lintPolicy } from './lint-policy.js';
import type { Reviewer } from './who-can-approve.js';

const person = (name: string, groups: string[], kind = 'human'): Reviewer => ({ name, kind, groups });
const PEOPLE = [
  person('alice', ['engineering']),
  person('bob', ['dba']),
  person('dana', ['dba', 'security']),
  person('carol', ['compliance', 'audit']),
  person('etl-agent', ['agents'], 'agent'),
];

const rule = (id: string, when: string, effect: string, more = ''): string =>
  `  - { id: ${id}, when: ${JSON.stringify(when)}, effect: ${effect}${more} }\n`;

const findings = (rules: string, head = 'default: allow', people: readonly Reviewer[] = PEOPLE) =>
  lintPolicy({ text: `version: 1\n${head}\nrules:\n${rules}`, file: 'p.yaml' }, people).findings.map(
    ({ level, code, rule: id, line, reason }) => ({ level, code, rule: id, line, reason }),
  );

const codes = (rules: string, head?: string) =>
  findings(rules, head).map(({ code, rule: id }) => `${id} ${code}`);

describe('a rule whose condition is never true', () => {
  it.each([
    ['false'],
    ['1 == 2'],
    ["statement.kind == 'A' && statement.kind == 'B'"],
    ["statement.kind in ['A', 'B'] && !(statement.kind in ['A', 'B', 'C'])"],
    ["statement.category == 'reads'"],
    ["statement.category != 'read' && statement.category in ['read']"],
    ["'dynamic-sqll' in statement.traits"],
    ['statement.bounded && !statement.bounded'],
    ["identity.kind == 'robot'"],
    ['time.hour > 23'],
    ['time.weekday < 1 || 24 <= time.hour'],
    ["identity.name.startsWith('a') && !identity.name.startsWith('a')"],
    ["(statement.kind == 'A' || statement.kind == 'B') && statement.kind == 'C'"],
  ])('%s is an error', (when) => {
    expect(codes(rule('r', when, 'deny'))).toEqual(['r never-true']);
  });

  it.each([
    ["statement.kind == 'A' || statement.kind == 'B'"],
    ["statement.kind != 'A' && statement.kind != 'B'"],
    ["'dynamic-sql' in statement.traits"],
    ['time.hour >= 22 || time.hour < 6'],
    ["identity.name == 'a' && target.name == 'a'"],
    ["statement.reads.exists(t, t == 'a') && statement.reads.exists(t, t == 'b')"],
  ])('%s can be true', (when) => {
    expect(codes(rule('r', when, 'deny'))).toEqual([]);
  });
});

describe('a rule that a stricter one covers', () => {
  const denied = rule('no-ddl', "target.environment == 'production' && statement.category == 'ddl'", 'deny');

  it.each([
    ["statement.category == 'ddl' && target.environment == 'production'", 'review'],
    ["target.environment == 'production' && statement.category == 'ddl' && identity.name == 'x'", 'allow'],
    ["target.environment == 'production' && statement.category in ['ddl'] && !statement.bounded", 'review'],
  ])('%s never decides', (when, effect) => {
    expect(findings(denied + rule('r', when, effect))).toEqual([
      {
        level: 'error',
        code: 'shadowed',
        rule: 'r',
        line: 5,
        reason: 'it never decides: wherever it matches, no-ddl says deny',
      },
    ]);
  });

  it.each([
    ["statement.category == 'ddl'", 'review'],
    ["target.environment == 'production' && statement.category in ['ddl', 'dcl']", 'review'],
    ["target.environment == 'production' && statement.category == 'ddl'", 'flag'],
    ["target.environment == 'production' && statement.category == 'ddl' || statement.kind == 'X'", 'allow'],
  ])('%s with effect %s still does something', (when, effect) => {
    expect(codes(denied + rule('r', when, effect))).toEqual([]);
  });

  it('is found whatever the order, and everything is covered by what is always true', () => {
    expect(codes(rule('r', "statement.kind == 'A'", 'allow') + rule('all', 'true', 'deny'))).toEqual([
      'r shadowed',
    ]);
  });

  it('is found behind a built-in one, with the line of the own file', () => {
    const own = rule('mine', "target.environment == 'production' && statement.kind == 'TRUNCATE'", 'review');
    expect(findings(own, 'extends: builtin')).toMatchObject([
      { code: 'shadowed', rule: 'mine', line: 4, reason: expect.stringContaining('no-truncate') },
    ]);
  });
});

describe('a rule that repeats another', () => {
  it('is a warning, unless it adds something', () => {
    const first = rule('a', "statement.category == 'read'", 'allow');
    const when = "statement.category == 'read' && identity.name == 'x'";
    expect(codes(first + rule('b', when, 'allow'))).toEqual(['b redundant']);
    expect(codes(first + rule('b', when, 'allow', ', risk: 5'))).toEqual([]);
  });
});

describe('a rule nobody can approve', () => {
  const asks = (reviewers: string) => findings(rule('r', 'true', 'review', `, reviewers: ${reviewers}`));

  it.each([
    ['[{ group: nobody, count: 1 }]', /the directory has nobody in group nobody/],
    ['[{ group: dba, count: 3 }]', /asks for 3 of group dba, which has 2/],
    ['[{ group: agents, count: 1 }]', /no person who may decide/],
    ['[{ group: audit, count: 1 }]', /no person who may decide/],
    ['[{ group: dba, count: 2 }, { group: security, count: 1 }]', /one person fills one place/],
  ])('%s is an error', (reviewers, reason) => {
    expect(asks(reviewers)).toMatchObject([
      { level: 'error', code: 'nobody-can-approve', reason: expect.stringMatching(reason) },
    ]);
  });

  it('counts the members of any group that may fill the place', () => {
    expect(asks('[{ anyOf: [nobody, dba, engineering], count: 2 }]')).toEqual([]);
    expect(asks('[{ anyOf: [nobody, agents], count: 1 }]')).toMatchObject([{ code: 'nobody-can-approve' }]);
  });

  it('for some is a warning that names them', () => {
    expect(asks('[{ group: dba, count: 2 }]')).toMatchObject([
      { level: 'warning', code: 'no-reserve', reason: expect.stringMatching(/^what bob, dana ask for/) },
    ]);
    expect(asks('[{ group: dba, count: 1 }]')).toEqual([]);
  });

  it('is found in the default, and nowhere without a directory', () => {
    const head = 'default: review\nreviewers: [{ group: nobody, count: 1 }]';
    expect(codes(rule('r', 'true', 'allow'), head)).toEqual(['default nobody-can-approve']);
    const guard = 'policyChanges: { reviewers: [{ group: nobody, count: 1 }] }';
    expect(codes(rule('r', 'true', 'allow'), guard)).toEqual(['policyChanges nobody-can-approve']);
    const text = `version: 1\n${head}\n`;
    expect(lintPolicy({ text, file: 'p.yaml' }, undefined).findings).toEqual([]);
  });
});

it('the built-in policy has no finding', () => {
  const text = readFileSync(new URL('../builtin.yaml', import.meta.url), 'utf8');
  expect(lintPolicy({ text, file: 'builtin.yaml' }, PEOPLE).findings).toEqual([]);
});
