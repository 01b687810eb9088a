import { systemClock, type Clock } from '#libs/kernel/clock.js';
import { approvalProblem, type Reviewer } from '#libs/policy/lint/who-can-approve.js';
import { BUILT_IN_AUTHOR } from '#libs/policy/policy-schema.js';
import type { ChangeRules } from '#libs/policy/change-rules.js';
import type { Policy } from '#libs/policy/policy.js';
import type { RequestExecutor } from '../request/write/request-executor.js';
import { breakGlass, type BreakGlass } from './change/break-glass.js';
import type { ChangeWork } from './change/change-record.js';
import { propose, wasProposed } from './change/propose.js';
import { findPending, supersedePending } from './change/supersede-pending.js';
import type { PolicyReader } from './policy-shelf.js';
import { lockPublications, publish, versionProblem, type LastPublication } from './publication.js';

export type Published =
  | { readonly kind: 'published' }
  /** It is the one in force. */
  | { readonly kind: 'unchanged' }
  /** The policy in force asks for signatures first: this is the change that waits for them. */
  | { readonly kind: 'proposed'; readonly changeId: string }
  /** It was proposed before the start, and it was not signed. */
  | { readonly kind: 'not-signed' }
  /** `guarded`: the policy in force asks for signatures, and stays in force whatever the file says. */
  | { readonly kind: 'refused'; readonly problem: string; readonly guarded: boolean };

export interface PolicyOrigin {
  /** Where it was read; undefined for the built-in policy, whose version nobody counts. */
  readonly file: string | undefined;
  /** Reads a text that was published. */
  readonly read: PolicyReader;
  /** Who there is; without them nobody can propose anything. */
  readonly people?: () => Promise<readonly Reviewer[]>;
  /** `change`: somebody changed the file just now. Default `start`. */
  readonly occasion?: 'start' | 'change';
  readonly breakGlass?: BreakGlass | undefined;
  readonly clock?: Clock;
}

/**
 * Puts a policy that was read here in force, unless it is: publishes it on `control`, signed; or, where the
 * policy in force asks for signatures, proposes it. Replicas that start at once do so once: the second
 * waits for the first. A start proposes nothing that was proposed before, so that it changes nothing.
 */
export function publishPolicy(
  executor: RequestExecutor,
  policy: Policy,
  origin: PolicyOrigin,
  newId: () => string,
): Promise<Published> {
  const { file, read, clock = systemClock, people = () => Promise.resolve([]) } = origin;
  return executor.transact<Published>(async (unit, tx) => {
    const work: ChangeWork = { unit, tx, newId, now: clock.now() };
    const last = await lockPublications(tx);
    if (last?.hash === policy.hash) {
      if (origin.occasion === 'change' && (await findPending(tx))?.from_file === true)
        await supersedePending(work, 'withdrawn');
      return { kind: 'unchanged' };
    }
    const inForce = last === null ? undefined : await read(last.text);
    const rules = inForce?.changeRules;
    const refuse = (problem: string): Published => ({
      kind: 'refused',
      problem,
      guarded: rules !== undefined,
    });
    const older = file === undefined ? undefined : await versionProblem(tx, policy, read);
    if (older !== undefined) return refuse(older);
    if (last !== null) {
      const stuck = nobodyCouldSign(policy.changeRules, await people());
      if (stuck !== undefined) return refuse(stuck);
    }
    if (last !== null && rules !== undefined) {
      if (await breakGlass(work, policy, last, rules, origin.breakGlass)) return { kind: 'published' };
      return proposeOwn(work, policy, origin, { last, rules, inForce });
    }
    const { change } = policy;
    const author = file === undefined ? BUILT_IN_AUTHOR : (change?.author ?? `file ${file}`.slice(0, 256));
    await publish(work, { id: newId(), policy, author, reason: change?.reason, last });
    return { kind: 'published' };
  });
}

/** A policy that nobody could replace would stay for ever. */
export function nobodyCouldSign(
  rules: ChangeRules | undefined,
  people: readonly Reviewer[],
): string | undefined {
  const problem = rules === undefined ? undefined : approvalProblem(rules.reviewers, people);
  return problem?.always === true ? `policyChanges: ${problem.reason}` : undefined;
}

async function proposeOwn(
  work: ChangeWork,
  policy: Policy,
  { file, people = () => Promise.resolve([]), occasion = 'start' }: PolicyOrigin,
  {
    last,
    rules,
    inForce,
  }: {
    readonly last: LastPublication;
    readonly rules: ChangeRules;
    readonly inForce: Policy | undefined;
  },
): Promise<Published> {
  const refuse = (problem: string): Published => ({ kind: 'refused', problem, guarded: true });
  const asks = 'policyChanges of the policy in force asks for signatures';
  if (file === undefined)
    return refuse(`${asks}: the built-in policy takes its place by a file that extends it`);
  if (rules.proposers !== undefined)
    return refuse(
      `${asks}, and for changes by countersign policy changes propose: the file counts once it is in force`,
    );
  const { change } = policy;
  const isLeft =
    policy.sourceHash !== inForce?.sourceHash && JSON.stringify(change) === JSON.stringify(inForce?.change);
  if (change === undefined || isLeft)
    return refuse(`${asks}: say who made this one, and why, with change: { author, reason }`);
  if (!(await people()).some(({ name }) => name === change.author))
    return refuse(`${asks}: change.author must be a name of the directory, which has no ${change.author}`);
  const pending = await findPending(work.tx);
  if (pending?.policy_hash === policy.hash && pending.previous_hash === last.hash)
    return { kind: 'proposed', changeId: pending.id };
  if (occasion === 'start' && (await wasProposed(work.tx, policy, last))) return { kind: 'not-signed' };
  const changeId = await propose(work, {
    policy,
    last,
    rules,
    author: change.author,
    reason: change.reason,
    file,
  });
  return { kind: 'proposed', changeId };
}
