import type { Command } from 'commander';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { PolicyInput } from '#libs/policy/policy.js';
import { createSqlAnalyzer } from '#libs/sql/sql-analyzer.js';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { writeJson, writeLine, type Terminal } from '../terminal.js';
import { askTarget, type AtTarget } from './estimate.js';
import type { Explained } from './explained.js';
import { explanationDocument, explanationText } from './explanation.js';
import { findPolicy } from './find-policy.js';
import { findSubject, type SubjectOptions } from './find-subject.js';
import { findTarget, type FoundTarget } from './find-target.js';

interface ExplainOptions extends SubjectOptions {
  readonly target?: string;
  readonly environment?: string;
  readonly policy?: string;
  readonly insideTransaction?: boolean;
  readonly applicationName?: string;
  readonly clientAddress?: string;
  readonly at?: string;
  readonly offline?: boolean;
}

/** `policy explain`: what would be decided of a statement, and why. It runs nothing. */
export function addExplain(policy: Command, terminal: Terminal, options: () => GlobalOptions): void {
  policy
    .command('explain <sql>')
    .description('what would be decided of a statement, and why; runs nothing (--as names whose it is)')
    .option('--target <name>', 'the target, or target/database')
    .option('--policy <file>', 'by this policy instead of the one in force')
    .option('--environment <word>', 'as if the target were of this environment')
    .option('--groups <a,b>', 'as if the identity were in these groups')
    .option('--kind <kind>', 'human, service or agent')
    .option('--directory <file>', 'who there is; else COUNTERSIGN_DIRECTORY, or that of the stack at home')
    .option('--inside-transaction', 'as if a transaction were open')
    .option('--application-name <name>', 'the session’s application_name')
    .option('--client-address <address>', 'where the session comes from')
    .option('--at <time>', 'as if it were this time, such as 2026-11-21T23:30:00Z')
    .option('--offline', 'ask nothing of the target: no catalog, no estimate')
    .action(async (sql: string, given: ExplainOptions) => {
      const explained = await explain(terminal, sql, options().as, given);
      if (options().json === true) await writeJson(terminal, explanationDocument(explained));
      else await writeLine(terminal.out, explanationText(explained, terminal.out));
    });
}

async function explain(
  terminal: Terminal,
  sql: string,
  as: string | undefined,
  given: ExplainOptions,
): Promise<Explained> {
  const found = await findPolicy(terminal, { file: given.policy, as });
  const place = await findTarget(terminal, { name: given.target, environment: given.environment });
  const identity = await findSubject(terminal, as ?? 'carol', given);
  const analyzer = createSqlAnalyzer();
  try {
    const result = await analyzer.analyze(sql);
    if (!result.ok)
      throw new CommandError(`refused before any rule (SQLSTATE ${result.sqlstate}): ${result.message}`);
    const seen =
      given.offline === true ? { why: 'the target was not asked' } : await atTarget(place, sql, analyzer);
    const analysis = 'analysis' in seen ? seen.analysis : result.analysis;
    const input: PolicyInput = {
      analysis,
      identity,
      target: place.target,
      session: {
        applicationName: given.applicationName ?? '',
        clientAddress: given.clientAddress ?? '',
        insideTransaction: given.insideTransaction === true,
      },
      now: timeOf(given.at, terminal.now()),
    };
    return {
      found,
      identity,
      target: place.target,
      analysis,
      explanation: found.policy.explain(input),
      estimate: 'analysis' in seen ? seen.estimate : { rows: null, tableRows: null, why: seen.why },
    };
  } finally {
    await analyzer.close();
  }
}

async function atTarget(
  { configuration }: FoundTarget,
  sql: string,
  analyzer: ReturnType<typeof createSqlAnalyzer>,
): Promise<AtTarget | { readonly why: string }> {
  if (configuration === undefined) return { why: 'the target cannot be reached from here' };
  try {
    return await askTarget(configuration, sql, analyzer);
  } catch (error) {
    return { why: `the target cannot be asked: ${messageOf(error).split('\n')[0]}` };
  }
}

function timeOf(text: string | undefined, now: number): number {
  if (text === undefined) return now;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new CommandError('--at takes a time such as 2026-11-21T23:30:00Z');
  return time;
}
