import { InvalidArgumentError, Option, type Command } from 'commander';
import { createSqlAnalyzer } from '#libs/sql/sql-analyzer.js';
import { CommandError } from '../command-error.js';
import { matches, parseSince } from '../events/event-filter.js';
import { readFeed } from '../events/read-feed.js';
import type { GlobalOptions } from '../global-options.js';
import { Api } from '../installation/api.js';
import { findCaller } from '../installation/caller.js';
import { oneLine, table } from '../output/table.js';
import { coloured, writeJson, writeLine, type Terminal } from '../terminal.js';
import { findPolicy, type FoundPolicy } from './find-policy.js';
import { judgeAgain } from './judge-again.js';
import { RecordedIntents } from './recorded-intents.js';
import { ReplayReport } from './replay-report.js';

interface ReplayOptions {
  readonly since?: number;
  readonly until?: number;
  readonly policy?: string;
  readonly identity?: string;
  readonly target?: string;
  readonly examples: number;
  readonly literals?: boolean;
  readonly failOnChange?: boolean;
}

/** `policy replay`: what a policy would have decided otherwise of what is in the record. */
export function addReplay(policy: Command, terminal: Terminal, options: () => GlobalOptions): void {
  const time = (flag: string, what: string): Option =>
    new Option(flag, what).argParser((text) => {
      const parsed = parseSince(text, terminal.now());
      if (parsed === undefined)
        throw new InvalidArgumentError('must be a time, or a length of time such as 24h');
      return parsed;
    });
  policy
    .command('replay')
    .description('what a policy would have decided otherwise of the recorded statements')
    .addOption(time('--since <time>', 'from this time on, such as 24h or 2026-11-21T13:00:00Z'))
    .addOption(time('--until <time>', 'up to this time'))
    .option('--policy <file>', 'the candidate; without it the policy in force')
    .option('--identity <name>', 'statements of this person, service or agent only')
    .option('--target <name>', 'statements for this target only')
    .addOption(
      new Option('--examples <n>', 'how many to show of each change').default(3).argParser((text) => {
        if (!/^[0-9]{1,4}$/.test(text)) throw new InvalidArgumentError('must be a number');
        return Number(text);
      }),
    )
    .option('--literals', 'show the recorded texts; without it no literal is printed')
    .option('--fail-on-change', 'exit status 1 when anything would be decided otherwise')
    .action(async (given: ReplayOptions) => {
      const found = await findPolicy(terminal, { file: given.policy, as: options().as });
      const report = await replay(terminal, options().as, found, given);
      if (options().json === true) await writeJson(terminal, documentOf(report, found));
      else await print(terminal, report, found);
      const changed = report.changes().reduce((sum, { count }) => sum + count, 0);
      if (given.failOnChange === true && changed > 0)
        throw new CommandError(`${changed} of ${report.judged} statements would be decided otherwise`);
    });
}

async function replay(
  terminal: Terminal,
  as: string | undefined,
  { policy }: FoundPolicy,
  given: ReplayOptions,
): Promise<ReplayReport> {
  const { auditUrl, token } = await findCaller(terminal.environment, as);
  const report = new ReplayReport(given.examples, given.literals === true);
  const intents = new RecordedIntents();
  const filter = given.identity === undefined ? {} : { identity: given.identity };
  const analyzer = createSqlAnalyzer();
  try {
    for await (const event of readFeed(new Api(auditUrl, token, 'audit'), filter)) {
      const intent = intents.take(event);
      if (intent === undefined || !matches(given, event)) continue;
      if (given.until !== undefined && Date.parse(event.time) > given.until) continue;
      if (given.target !== undefined && intent.event.target.name !== given.target) continue;
      report.add(intent, await judgeAgain(intent, policy, analyzer));
    }
  } finally {
    await analyzer.close();
  }
  return report;
}

function documentOf(report: ReplayReport, { policy, source }: FoundPolicy): object {
  const changes = report.changes();
  const count = (direction: string): number =>
    changes.filter((each) => each.direction === direction).reduce((sum, each) => sum + each.count, 0);
  return {
    policy: { version: policy.version, sha256: policy.hash, source },
    intents: report.intents,
    judged: report.judged,
    same: report.same,
    otherRule: report.otherRule,
    otherMarks: report.otherMarks,
    stricter: count('stricter'),
    looser: count('looser'),
    leftOut: Object.fromEntries(report.leftOut),
    changes,
  };
}

async function print(
  terminal: Terminal,
  report: ReplayReport,
  { policy, source }: FoundPolicy,
): Promise<void> {
  const { out } = terminal;
  const changes = report.changes();
  await writeLine(
    out,
    `policy version ${policy.version} (${source}) over ${report.intents} recorded statements`,
  );
  if (changes.length > 0) {
    const rows = changes.map(({ count, from, to, direction }) => [
      String(count),
      `${from.effect} by ${from.rule}`,
      `${to.effect} by ${to.rule}`,
      direction,
    ]);
    await writeLine(out, table(['COUNT', 'WAS', 'WOULD BE', ''], rows));
    for (const { from, to, examples } of changes) {
      await writeLine(
        out,
        coloured(out, 'bold', `${from.effect} by ${from.rule} → ${to.effect} by ${to.rule}`),
      );
      for (const { time, identity, target, statement } of examples)
        await writeLine(out, `  ${time}  ${oneLine(`${identity} on ${target}: ${statement}`, 200)}`);
    }
  }
  const changed = changes.reduce((sum, { count }) => sum + count, 0);
  const left = [...report.leftOut].map(([why, count]) => `${count} left out: ${why}`);
  await writeLine(
    out,
    [
      `${changed} would be decided otherwise`,
      `${report.same} alike`,
      `${report.otherRule} alike by another rule`,
      `${report.otherMarks} alike with other marks`,
      ...left,
    ].join('; '),
  );
}
