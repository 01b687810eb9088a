import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { hasCode, messageOf } from '#libs/kernel/coded-error.js';
import { loadPolicy } from '#libs/policy/load-policy.js';
import { PolicyError } from '#libs/policy/policy-error.js';
import type { Policy } from '#libs/policy/policy.js';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { coloured, writeJson, writeLine, type Terminal } from '../terminal.js';

/** `countersign policy …`: needs no stack; reads the file exactly as the services do. */
export function addPolicy(program: Command, terminal: Terminal, options: () => GlobalOptions): void {
  const policy = program.command('policy').description('look at a policy file before it is in force');
  policy
    .command('check <file>')
    .description('whether the services would take it; exit status 0 only when they would')
    .action(async (file: string) => {
      const text = await textOf(file);
      const reviewers = terminal.environment['COUNTERSIGN_REVIEWERS'];
      let loaded: Policy;
      try {
        loaded = loadPolicy({
          text,
          file: path.basename(file),
          ...(reviewers === undefined || reviewers === '' ? {} : { reviewers }),
        });
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        if (options().json === true)
          await writeJson(terminal, { ok: false, line: error.line, reason: error.reason });
        throw new CommandError(error.message);
      }
      const { version, hash, masking } = loaded;
      if (options().json === true) await writeJson(terminal, { ok: true, version, sha256: hash, masking });
      else
        await writeLine(
          terminal.out,
          `${coloured(terminal.out, 'green', 'OK')}: version ${version}, masking ${masking}, sha256 ${hash}`,
        );
    });
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(hasCode(error, 'ENOENT') ? `there is no file ${file}` : messageOf(error));
  }
}
