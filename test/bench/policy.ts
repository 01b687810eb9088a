import { loadBuiltinPolicy, loadPolicy } from '#libs/policy/load-policy.js';
import type { Policy, PolicyInput } from '#libs/policy/policy.js';
import { createSqlAnalyzer } from '#libs/sql/sql-analyzer.js';
import { median, table } from './statistics.js';

const STATEMENTS = [
  'SELECT id, name FROM customers WHERE id = 1',
  "UPDATE customers SET phone = 'x' WHERE id = 5",
  'DELETE FROM orders',
  'ALTER TABLE customers ADD COLUMN tier text',
];

interface Row {
  readonly policy: string;
  readonly what: string;
  readonly microseconds: number;
}

/** What judging costs: a statement that was judged before, and one that was not, by analyses already made. */
export async function benchPolicy(options: { json: boolean; short: boolean }): Promise<void> {
  const timed = loadPolicy({
    text: `version: 1\nextends: builtin\nrules:\n  - { id: night, when: 'time.hour < 6', effect: deny }\n`,
    file: 'timed.yaml',
  });
  const analyzer = createSqlAnalyzer();
  const rows: Row[] = [];
  try {
    for (const [name, policy] of [
      ['built-in', loadBuiltinPolicy()],
      ['built-in and a rule on the time', timed],
    ] as const) {
      const inputs = await Promise.all(STATEMENTS.map((text) => inputOf(text, analyzer)));
      const rounds = options.short ? 5 : 25;
      for (const [what, times] of [
        ['judged before', 50_000],
        ['other literals', 400],
        ['new', 400],
      ] as const)
        rows.push({ policy: name, what, microseconds: cost(policy, inputs, rounds, times, what) });
    }
  } finally {
    await analyzer.close();
  }
  if (options.json) console.log(JSON.stringify({ bench: 'policy', rows }));
  else
    console.log(
      table([
        ['policy', 'statement', 'µs of CPU'],
        ...rows.map(({ policy, what, microseconds }) => [policy, what, microseconds.toFixed(2)]),
      ]),
    );
}

async function inputOf(text: string, analyzer: ReturnType<typeof createSqlAnalyzer>): Promise<PolicyInput> {
  const result = await analyzer.analyze(text);
  if (!result.ok) throw new Error(result.message);
  return {
    analysis: result.analysis,
    identity: { name: 'alice', kind: 'human', groups: ['engineering'], issuer: 'i', subject: 's' },
    target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
    session: { applicationName: 'psql', clientAddress: '192.0.2.1', insideTransaction: false },
    now: Date.UTC(2026, 10, 21, 12),
  };
}

/** Median over the rounds of the mean CPU time of one judgement, µs. */
function cost(
  policy: Policy,
  inputs: readonly PolicyInput[],
  rounds: number,
  times: number,
  what: 'judged before' | 'other literals' | 'new',
): number {
  const means: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const list = Array.from({ length: times }, (_, index) => {
      const input = inputs[index % inputs.length] as PolicyInput;
      if (what === 'judged before') return input;
      const fingerprint = (round * times + index).toString(16).padStart(16, '0');
      return {
        ...input,
        analysis: { ...input.analysis, ...(what === 'new' ? { fingerprint } : {}) },
      };
    });
    // CPU time: what else the machine does then shows less.
    const begun = process.cpuUsage();
    for (const input of list) policy.judge(input);
    const { user, system } = process.cpuUsage(begun);
    means.push((user + system) / times);
  }
  return median(means);
}
