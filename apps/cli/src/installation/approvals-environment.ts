import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

export type Environment = Readonly<Record<string, string | undefined>>;

const stackSchema = z.object({ environments: z.object({ approvals: z.record(z.string(), z.string()) }) });

/**
 * The settings approvals runs with, as far as they can be known here: this environment where it has `variable`, else
 * those the running stack was started with.
 */
export async function approvalsEnvironment(
  home: string,
  environment: Environment,
  variable: string,
): Promise<Environment> {
  if ((environment[variable] ?? '') !== '') return environment;
  try {
    const stack = stackSchema.parse(JSON.parse(await readFile(path.join(home, 'stack.json'), 'utf8')));
    return stack.environments.approvals;
  } catch {
    // No stack of ours runs here: then only the environment counts.
    return environment;
  }
}
