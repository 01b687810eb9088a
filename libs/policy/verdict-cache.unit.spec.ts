import type { MessageAnalysis, StatementAnalysis } from '#libs/sql/analysis.js';
import { factsKey } from './facts.js';
import { loadPolicy } from './load-policy.js';
import type { Policy, PolicyInput, Verdict } from './policy.js';

const SELECT: StatementAnalysis = {
  kind: 'SELECT',
  kinds: ['SELECT'],
  category: 'read',
  reads: ['people'],
  writes: [],
  functions: [],
  settings: [],
  traits: [],
  bounded: true,
  changesContext: false,
  start: 0,
  end: 20,
};

const message = (
  statement: Partial<StatementAnalysis> = {},
  of: Partial<MessageAnalysis> = {},
): MessageAnalysis => ({
  statements: [{ ...SELECT, ...statement }],
  credentials: [],
  fingerprint: '0123456789abcdef',
  ...of,
});

const RESOLUTION: NonNullable<StatementAnalysis['resolution']> = {
  relations: [],
  columnsRead: ['public.people.id'],
  columnsWritten: [],
  output: [],
  personalData: [],
  userFunctions: [],
  uncounted: [],
  missing: [],
};

const identity: PolicyInput['identity'] = {
  name: 'alice',
  kind: 'human',
  groups: [],
  issuer: 'i',
  subject: 's',
};
const judge = (policy: Policy, analysis: MessageAnalysis, input: Partial<PolicyInput> = {}): Verdict =>
  policy.judge({
    analysis,
    identity,
    target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
    session: { applicationName: 'psql', clientAddress: '127.0.0.1', insideTransaction: false },
    now: 0,
    ...input,
  });

const policyOf = (when: string): Policy =>
  loadPolicy({
    text: `version: 1\ndefault: allow\nmasking: off\nrules:\n  - { id: odd, when: ${JSON.stringify(when)}, effect: deny }\n`,
    file: 'policy.yaml',
  });

describe('the verdict on a message like an earlier one', () => {
  it('is the very same where only literals differ', () => {
    const policy = policyOf("'orders' in statement.reads");
    const first = judge(policy, message({ start: 0, end: 20 }));
    expect(judge(policy, message({ start: 3, end: 21 }, { normalized: 'SELECT $1' }))).toBe(first);
  });

  it.each<{ fact: string; when: string; of: MessageAnalysis }>([
    { fact: 'kind', when: "statement.kind == 'COPY'", of: message({ kind: 'COPY', kinds: ['COPY'] }) },
    {
      fact: 'contained kind',
      when: "statement.kind == 'DELETE'",
      of: message({ kinds: ['SELECT', 'DELETE'] }),
    },
    { fact: 'category', when: "statement.category == 'write'", of: message({ category: 'write' }) },
    { fact: 'reads', when: "'orders' in statement.reads", of: message({ reads: ['orders'] }) },
    { fact: 'writes', when: "'orders' in statement.writes", of: message({ writes: ['orders'] }) },
    { fact: 'functions', when: "'f' in statement.functions", of: message({ functions: ['f'] }) },
    { fact: 'settings', when: "'role' in statement.settings", of: message({ settings: ['role'] }) },
    { fact: 'traits', when: 'size(statement.traits) > 0', of: message({ traits: ['dynamic-sql'] }) },
    { fact: 'bounds', when: '!statement.bounded', of: message({ bounded: false }) },
    { fact: 'doubts', when: 'statement.incomplete', of: message({ incomplete: 'why' }) },
    {
      fact: 'columns',
      when: "'public.people.id' in statement.columns",
      of: message({ resolution: RESOLUTION }),
    },
    {
      fact: 'personal data',
      when: "'c' in statement.personalData",
      of: message({ resolution: { ...RESOLUTION, personalData: ['c'] } }),
    },
    {
      fact: 'user functions',
      when: "'f' in statement.userFunctions",
      of: message({ resolution: { ...RESOLUTION, userFunctions: ['f'] } }),
    },
    {
      fact: 'fingerprint',
      when: "statement.fingerprint == 'fedcba9876543210'",
      of: message({}, { fingerprint: 'fedcba9876543210' }),
    },
    { fact: 'tags', when: "statement.tag('agent') == 'bot'", of: message({}, { tags: { agent: 'bot' } }) },
  ])('is its own where the $fact differ', ({ when, of }) => {
    const policy = policyOf(when);
    expect(judge(policy, message()).effect).toBe('allow');
    expect(judge(policy, of).effect).toBe('deny');
    expect(judge(policy, message()).effect).toBe('allow');
  });

  it('is its own for another identity, target, session and minute', () => {
    const policy = policyOf(
      "identity.name == 'bob' || target.name == 'x' || session.insideTransaction || time.minute == 1",
    );
    expect(judge(policy, message()).effect).toBe('allow');
    expect(judge(policy, message(), { identity: { ...identity, name: 'bob' } }).effect).toBe('deny');
    const target = { name: 'x', kind: 'postgres', environment: 'production', database: 'shop' } as const;
    expect(judge(policy, message(), { target }).effect).toBe('deny');
    const session = { applicationName: 'psql', clientAddress: '127.0.0.1', insideTransaction: true };
    expect(judge(policy, message(), { session }).effect).toBe('deny');
    expect(judge(policy, message(), { now: 60_000 }).effect).toBe('deny');
    expect(judge(policy, message(), { now: 120_000 }).effect).toBe('allow');
  });

  it('is never that of more statements', () => {
    const one = message();
    const two = { ...one, statements: [...one.statements, ...one.statements] };
    expect(factsKey(two)).not.toBe(factsKey(one));
  });
});
