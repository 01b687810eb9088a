import { z } from 'zod';
import { loadBuiltinPolicy, loadPolicy } from '#libs/policy/load-policy.js';
import { PolicyError } from '#libs/policy/policy-error.js';
import type { Policy } from '#libs/policy/policy.js';
import { CommandError } from '../command-error.js';
import { Api } from '../installation/api.js';
import { findCaller } from '../installation/caller.js';
import { findReadyFile } from '../installation/ready-file.js';
import type { Terminal } from '../terminal.js';
import { textOf } from './text-file.js';

export interface FoundPolicy {
  readonly policy: Policy;
  /** Where it came from, for the person. */
  readonly source: string;
}

const publishedSchema = z.object({ text: z.string() });

/** The policy of `--policy`; else the one in force where a stack can be asked; else COUNTERSIGN_POLICY, else the built-in one. */
export async function findPolicy(
  terminal: Terminal,
  given: { readonly file: string | undefined; readonly as: string | undefined },
): Promise<FoundPolicy> {
  const { environment } = terminal;
  if (given.file !== undefined)
    return { policy: await policyOfFile(given.file, terminal), source: given.file };
  const published = await inForce(terminal, given.as);
  if (published !== undefined) return { policy: published, source: 'in force' };
  const file = environment['COUNTERSIGN_POLICY'];
  if (file !== undefined && file !== '') return { policy: await policyOfFile(file, terminal), source: file };
  return { policy: loadBuiltinPolicy(reviewersOf(terminal)), source: 'built-in' };
}

/** The policy a file stands for, exactly as the services would read it. */
export async function policyOfFile(file: string, terminal: Terminal): Promise<Policy> {
  const text = await textOf(file);
  try {
    return loadPolicy({ text, file, ...reviewersOf(terminal) });
  } catch (error) {
    if (error instanceof PolicyError) throw new CommandError(error.message);
    throw error;
  }
}

export function reviewersOf({ environment }: Terminal): { reviewers?: string } {
  const reviewers = environment['COUNTERSIGN_REVIEWERS'];
  return reviewers === undefined || reviewers === '' ? {} : { reviewers };
}

/** undefined where no stack runs here and none is named. */
async function inForce(terminal: Terminal, as: string | undefined): Promise<Policy | undefined> {
  const { environment } = terminal;
  const named = environment['COUNTERSIGN_APPROVALS_URL'];
  const ready = await findReadyFile(environment);
  if ((named === undefined || named === '') && ready === undefined) return undefined;
  // Elsewhere than in development --as names whose statement it is, and the token says who asks.
  const { approvalsUrl, token } = await findCaller(environment, ready === undefined ? undefined : as);
  const answer = publishedSchema.safeParse(await new Api(approvalsUrl, token, 'approvals').get('/v1/policy'));
  if (!answer.success)
    throw new CommandError(
      'approvals answered in a form this version does not know: name the policy with --policy',
    );
  return loadPolicy({ text: answer.data.text, file: 'the policy in force', ...reviewersOf(terminal) });
}
