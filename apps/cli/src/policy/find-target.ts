import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Target } from '#libs/contracts/events/target.js';
import { parseTargets, type TargetConfiguration } from '#libs/contracts/targets.js';
import { hasCode } from '#libs/kernel/coded-error.js';
import { CommandError } from '../command-error.js';
import { homeFolder } from '../installation/ready-file.js';
import type { Terminal } from '../terminal.js';

const targetsSchema = z.object({
  targets: z.record(z.string(), z.looseObject({ environment: z.string(), url: z.string() })),
});

export interface FoundTarget {
  readonly target: Target;
  /** How to reach it; undefined where its password or file is not at hand. */
  readonly configuration: TargetConfiguration | undefined;
}

/**
 * The target a statement is for: of COUNTERSIGN_TARGETS or the stack at home, or one nobody has configured
 * yet where `environment` is given. `name` may be target/database.
 */
export async function findTarget(
  terminal: Terminal,
  given: { readonly name: string | undefined; readonly environment: string | undefined },
): Promise<FoundTarget> {
  const text = await targetsText(terminal);
  const parsed = text === undefined ? undefined : targetsSchema.safeParse(parse(text));
  const known = parsed?.success === true ? parsed.data.targets : {};
  const [only, second] = Object.keys(known);
  const named = given.name ?? (second === undefined ? only : undefined);
  if (named === undefined) throw new CommandError('name the target: --target <name>');
  const [name = '', database] = named.split('/');
  const entry = known[name];
  const environment = given.environment ?? entry?.environment;
  if (environment === undefined)
    throw new CommandError(
      `there is no target "${name}"${only === undefined ? '' : `: there is ${Object.keys(known).join(', ')}`}; --environment names that of another`,
    );
  const configuration = text === undefined ? undefined : configurationOf(text, name, terminal);
  return {
    target: {
      name,
      kind: 'postgres',
      environment,
      database: database ?? configuration?.database ?? name,
    },
    configuration:
      configuration === undefined || database === undefined ? configuration : { ...configuration, database },
  };
}

async function targetsText({ environment }: Terminal): Promise<string | undefined> {
  const named = environment['COUNTERSIGN_TARGETS'];
  const file =
    named === undefined || named === '' ? path.join(homeFolder(environment), 'targets.yaml') : named;
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') && (named === undefined || named === '')) return undefined;
    throw new CommandError(`the targets file ${file} cannot be read`);
  }
}

function configurationOf(
  text: string,
  name: string,
  { environment }: Terminal,
): TargetConfiguration | undefined {
  try {
    return parseTargets(text, environment).get(name);
  } catch {
    // Its password is not in this environment: judged it can be all the same.
    return undefined;
  }
}
