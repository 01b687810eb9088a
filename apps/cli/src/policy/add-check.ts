import path from 'node:path';
import type { Command } from 'commander';
import { lintPolicy, type Finding, type Lint } from '#libs/policy/lint/lint-policy.js';
import { PolicyError } from '#libs/policy/policy-error.js';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { coloured, writeJson, writeLine, type Terminal } from '../terminal.js';
import { findDirectory, peopleOf } from './find-people.js';
import { reviewersOf } from './find-policy.js';
import { textOf } from './text-file.js';

/** `policy check`: whether the services would take it, and whether its rules do what they say. */
export function addCheck(policy: Command, terminal: Terminal, options: () => GlobalOptions): void {
  policy
    .command('check <file>')
    .description(
      'whether the services would take it, every rule can decide and somebody can approve; exit status 0 only then',
    )
    .option('--directory <file>', 'who there is; else COUNTERSIGN_DIRECTORY, or that of the stack at home')
    .action(async (file: string, given: { directory?: string }) => {
      const text = await textOf(file);
      const directory = await findDirectory(terminal, given.directory);
      const people = directory === undefined ? undefined : await peopleOf(directory);
      const json = options().json === true;
      let lint: Lint;
      try {
        lint = lintPolicy({ text, file: path.basename(file), ...reviewersOf(terminal) }, people);
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        if (json)
          await writeJson(terminal, { ok: false, line: error.line, reason: error.reason, findings: [] });
        throw new CommandError(error.message);
      }
      const errors = lint.findings.filter(({ level }) => level === 'error');
      if (json) await writeJson(terminal, documentOf(lint, errors.length === 0, people !== undefined));
      else await print(terminal, lint, path.basename(file), people !== undefined);
      const [first] = errors;
      if (first === undefined) return;
      const more = errors.length === 1 ? '' : ` (and ${errors.length - 1} more)`;
      throw new CommandError(
        `${path.basename(file)}:${first.line}: rule ${first.rule}: ${first.reason}${more}`,
      );
    });
}

const documentOf = ({ policy, findings }: Lint, ok: boolean, directoryKnown: boolean): object => ({
  ok,
  version: policy.version,
  sha256: policy.hash,
  masking: policy.masking,
  directory: directoryKnown,
  findings,
});

async function print(
  terminal: Terminal,
  { policy, findings }: Lint,
  file: string,
  directoryKnown: boolean,
): Promise<void> {
  for (const finding of findings)
    await writeLine(
      terminal.out,
      `${labelOf(terminal, finding)} ${file}:${finding.line}: rule ${finding.rule}: ${finding.reason}`,
    );
  if (!directoryKnown)
    await writeLine(terminal.err, 'no directory was found: who can approve was not looked at');
  const { version, masking, hash } = policy;
  if (findings.every(({ level }) => level === 'warning'))
    await writeLine(
      terminal.out,
      `${coloured(terminal.out, 'green', 'OK')}: version ${version}, masking ${masking}, sha256 ${hash}`,
    );
}

const labelOf = ({ out }: Terminal, { level }: Finding): string =>
  level === 'error' ? coloured(out, 'red', 'ERROR') : coloured(out, 'yellow', 'warning');
