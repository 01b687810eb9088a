import { access } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import type { SqlAnalyzer } from '#libs/sql/analysis.js';
import { createSqlAnalyzer } from '#libs/sql/sql-analyzer.js';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { oneLine, table } from '../output/table.js';
import { coloured, writeJson, writeLine, type Terminal } from '../terminal.js';
import { findPolicy, policyOfFile, type FoundPolicy } from './find-policy.js';
import { readCases, type PolicyCases } from './policy-cases.js';
import { runCase, type CaseResult } from './run-case.js';
import { textOf } from './text-file.js';

/** `policy test`: cases in YAML beside the policy. Exit status 0 only when all of them hold. */
export function addTest(policy: Command, terminal: Terminal, options: () => GlobalOptions): void {
  policy
    .command('test <file>')
    .description(
      'run the cases of a file (policy.test.yaml beside policy.yaml); exit status 0 only when all hold',
    )
    .option('--policy <file>', 'the policy under test')
    .action(async (file: string, given: { policy?: string }) => {
      const casesFile = await casesFileOf(file);
      const cases = readCases(await textOf(casesFile), casesFile);
      const found = await policyUnderTest(terminal, file, casesFile, cases, given.policy, options().as);
      const analyzer = createSqlAnalyzer();
      let results: CaseResult[];
      try {
        results = await runAll(found, cases, analyzer, terminal);
      } finally {
        await analyzer.close();
      }
      const failed = results.filter(({ ok }) => !ok);
      if (options().json === true) {
        const { version, hash: sha256 } = found.policy;
        const policyNamed = { version, sha256, source: found.source };
        await writeJson(terminal, { ok: failed.length === 0, policy: policyNamed, cases: results });
      } else await print(terminal, results);
      if (failed.length > 0)
        throw new CommandError(`${failed.length} of ${results.length} cases do not hold: ${failed[0]?.name}`);
    });
}

/** `policy.yaml` stands for the cases beside it. */
async function casesFileOf(file: string): Promise<string> {
  if (/\.tests?\.ya?ml$/.test(file)) return file;
  const { dir, name, ext } = path.parse(file);
  for (const suffix of ['.test', '.tests']) {
    const beside = path.join(dir, `${name}${suffix}${ext}`);
    if (await isThere(beside)) return beside;
  }
  return file;
}

async function policyUnderTest(
  terminal: Terminal,
  file: string,
  casesFile: string,
  cases: PolicyCases,
  given: string | undefined,
  as: string | undefined,
): Promise<FoundPolicy> {
  const beside = (name: string): string => path.resolve(path.dirname(casesFile), name);
  const byName = casesFile.replace(/\.tests?(\.ya?ml)$/, '$1');
  const named =
    given ??
    (cases.policy === undefined ? undefined : beside(cases.policy)) ??
    (file !== casesFile ? file : undefined) ??
    (byName !== casesFile && (await isThere(byName)) ? byName : undefined);
  if (named === undefined) return findPolicy(terminal, { file: undefined, as });
  return { policy: await policyOfFile(named, terminal), source: named };
}

async function runAll(
  { policy }: FoundPolicy,
  cases: PolicyCases,
  analyzer: SqlAnalyzer,
  terminal: Terminal,
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const [index, each] of cases.cases.entries())
    results.push(await runCase(policy, cases, each, index, analyzer, terminal));
  return results;
}

async function print(terminal: Terminal, results: readonly CaseResult[]): Promise<void> {
  const rows = results.map(({ ok, name, got, why }) => [
    ok ? 'ok' : 'FAIL',
    oneLine(name, 60),
    got === undefined ? '' : `${got.effect} by ${got.rule}`,
    why ?? '',
  ]);
  const lines = table(['', 'CASE', 'VERDICT', 'WHY NOT'], rows).split('\n');
  await writeLine(
    terminal.out,
    lines.map((line) => (line.startsWith('FAIL') ? coloured(terminal.out, 'red', line) : line)).join('\n'),
  );
  await writeLine(terminal.out, `${results.filter(({ ok }) => ok).length} of ${results.length} cases hold`);
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
