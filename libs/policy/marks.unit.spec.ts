import type { Identity } from '#libs/contracts/identity.js';
import type { StatementAnalysis } from '#libs/sql/analysis.js';
import { loadPolicy } from './load-policy.js';
import type { PolicyInput } from './policy.js';

const ALICE: Identity = { name: 'alice', kind: 'human', groups: ['engineering'], issuer: 'i', subject: 's' };

const SELECT: StatementAnalysis = {
  kind: 'SELECT',
  kinds: ['SELECT'],
  category: 'read',
  reads: ['t'],
  writes: [],
  functions: [],
  settings: [],
  traits: [],
  bounded: true,
  changesContext: false,
  start: 0,
  end: 1,
};

const input = (
  statements: readonly Partial<StatementAnalysis>[] = [{}],
  rest: { insideTransaction?: boolean; now?: number; more?: object } = {},
): PolicyInput => ({
  analysis: {
    statements: statements.map((given) => ({ ...SELECT, ...given })),
    credentials: [],
    ...rest.more,
  },
  identity: ALICE,
  target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
  session: {
    applicationName: 'psql',
    clientAddress: '192.0.2.1',
    insideTransaction: rest.insideTransaction ?? false,
  },
  now: rest.now ?? Date.UTC(2026, 10, 21, 13, 46, 51),
});

const policy = (rules: string, head = 'default: allow') =>
  loadPolicy({ text: `version: 3\n${head}\nrules:\n${rules}`, file: 'p.yaml' });

describe('a rule that flags', () => {
  it('marks the statement and decides nothing', () => {
    const marked = policy(`
  - { id: reads-t, when: "'t' in statement.reads", effect: flag, risk: 40, controls: [CC6.1] }
  - { id: ok, when: 'true', effect: allow }`);
    expect(marked.judge(input())).toMatchObject({
      effect: 'allow',
      rule: 'ok',
      flags: ['reads-t'],
      risk: 40,
      controls: ['CC6.1'],
    });
    expect(marked.judge(input([{ reads: ['u'] }]))).not.toHaveProperty('flags');
  });

  it('leaves the default to decide where no other rule matches', () => {
    const marked = policy("  - { id: f, when: 'true', effect: flag }", 'default: deny');
    expect(marked.judge(input())).toMatchObject({ effect: 'deny', rule: 'default', flags: ['f'] });
  });

  it('that cannot be evaluated marks, and denies nothing', () => {
    const marked = policy(`  - { id: f, when: "statement.reads[7] == 'x'", effect: flag }`);
    expect(marked.judge(input())).toMatchObject({ effect: 'allow', flags: ['f'] });
  });
});

describe('what the rules that match add', () => {
  const several = policy(`
  - { id: a, when: 'true', effect: allow, risk: 10, controls: [CC6.1], redact: literals }
  - { id: a2, when: 'true', effect: review, maxRows: 500 }
  - { id: b, when: 'true', effect: review, risk: 70, controls: [CC8.1, CC6.1], maxRows: 100, redact: [parameters] }
  - { id: c, when: "'u' in statement.reads", effect: deny, risk: 90, controls: [CC7.2] }`);

  it('is the highest risk, all controls, the lowest row ceiling and every redaction', () => {
    expect(several.judge(input())).toMatchObject({
      effect: 'review',
      rule: 'a2',
      risk: 70,
      controls: ['CC6.1', 'CC8.1'],
      maxRows: 100,
      redact: ['literals', 'parameters'],
    });
  });

  it('is gathered over every statement of a message, also behind one that is denied', () => {
    const verdict = several.judge(input([{ reads: ['u'] }, {}]));
    expect(verdict).toMatchObject({
      effect: 'deny',
      rule: 'c',
      risk: 90,
      controls: ['CC6.1', 'CC8.1', 'CC7.2'],
    });
    expect(verdict).not.toHaveProperty('maxRows');
  });

  it('is absent where no rule adds it', () => {
    const verdict = policy("  - { id: a, when: 'true', effect: allow }").judge(input());
    expect(Object.keys(verdict).sort()).toEqual(['effect', 'policy', 'reason', 'reviewers', 'rule']);
  });

  it('names the policy that judged', () => {
    expect(several.judge(input()).policy).toEqual({ version: 3, hash: several.hash });
  });
});

describe('a hold inside a transaction', () => {
  const one = (more: string) =>
    policy(`  - { id: r, description: Changes are signed., when: 'true', effect: review, ${more} }`);

  it('is refused where the rule says so, and held outside one', () => {
    const refusing = one('insideTransaction: refuse, expires: 5m');
    expect(refusing.judge(input())).toMatchObject({ effect: 'review', expiresMs: 300_000 });
    expect(refusing.judge(input([{}], { insideTransaction: true }))).toMatchObject({
      effect: 'deny',
      rule: 'r',
      reason: 'Changes are signed; it needs approval, which this rule gives outside a transaction only',
    });
  });

  it('lasts no longer than the rule allows there', () => {
    const capped = one('insideTransaction: 20s, expires: 5m');
    expect(capped.judge(input([{}], { insideTransaction: true })).expiresMs).toBe(20_000);
    expect(capped.judge(input()).expiresMs).toBe(300_000);
    expect(capped.rule('r')?.expiresMs).toBe(300_000);
  });
});

describe('facts', () => {
  it('columns, fingerprint and tags are known where the analysis tells them', () => {
    const resolution = {
      relations: [],
      columnsRead: ['public.t.email'],
      columnsWritten: ['public.t.id'],
      output: [],
      personalData: ['public.t.email'],
      userFunctions: ['public.f'],
      uncounted: [],
      missing: [],
    };
    const rich = { resolution, fingerprint: '0123456789abcdef', tags: { agent: 'etl' } };
    const asking = policy(`
  - id: f
    when: >-
      statement.columns == ['public.t.email', 'public.t.id'] && size(statement.personalData) == 1 &&
      'public.f' in statement.userFunctions && statement.fingerprint == '0123456789abcdef' &&
      statement.tags['agent'] == 'etl' && statement.tag('agent') == 'etl'
    effect: deny`);
    expect(asking.judge(input([rich as Partial<StatementAnalysis>])).rule).toBe('f');
    const { tags, ...rest } = rich;
    expect(asking.judge(input([rest as Partial<StatementAnalysis>], { more: { tags } })).rule).toBe('f');
  });

  it('a tag that is absent is empty with tag(), and a failure, so a refusal, with []', () => {
    expect(
      policy(`  - { id: f, when: "statement.tag('x') == 'y'", effect: deny }`).judge(input()).effect,
    ).toBe('allow');
    expect(
      policy(`  - { id: f, when: "statement.tags['x'] == 'y'", effect: allow }`).judge(input()).effect,
    ).toBe('deny');
  });

  it.each([
    ['192.0.2.1', '192.0.2.0/24', true],
    ['::ffff:192.0.2.1', '192.0.2.0/24', true],
    ['192.0.3.1', '192.0.2.0/24', false],
    ['2001:db8::7', '2001:db8::/32', true],
    ['', '0.0.0.0/0', false],
  ])('%s in %s: %s', (clientAddress, network, is) => {
    const asking = policy(
      `  - { id: f, when: "session.clientAddress.inNetwork('${network}')", effect: deny }`,
    );
    const given = input();
    const verdict = asking.judge({ ...given, session: { ...given.session, clientAddress } });
    expect(verdict.effect).toBe(is ? 'deny' : 'allow');
  });

  it('time is that of the policy’s time zone, summer time included', () => {
    const nightly = (zone: string) =>
      policy(
        "  - { id: night, when: 'time.hour == 0 && time.weekday == 1', effect: deny }",
        `timeZone: ${zone}\ndefault: allow`,
      );
    const sundayInUtc = Date.UTC(2026, 6, 5, 22, 30);
    expect(nightly('Europe/Zurich').judge(input([{}], { now: sundayInUtc })).effect).toBe('deny');
    expect(nightly('UTC').judge(input([{}], { now: sundayInUtc })).effect).toBe('allow');
    expect(nightly('Europe/Zurich').judge(input([{}], { now: Date.UTC(2026, 0, 4, 22, 30) })).effect).toBe(
      'allow',
    );
  });

  it('a verdict that depends on the time holds for its minute and no longer', () => {
    const hourly = policy("  - { id: late, when: 'time.minute == 59', effect: deny }");
    const once = input();
    const at = (minute: number, second: number) =>
      hourly.judge({ ...once, now: Date.UTC(2026, 10, 21, 13, minute, second) });
    expect(at(59, 0)).toBe(at(59, 58));
    expect(at(59, 59).effect).toBe('deny');
    expect(at(60, 0).effect).toBe('allow');
  });
});
