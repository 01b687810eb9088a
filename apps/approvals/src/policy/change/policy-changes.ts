import type { Identity } from '#libs/contracts/identity.js';
import type { Directory } from '#libs/identity/directory.js';
import type { Clock } from '#libs/kernel/clock.js';
import { PolicyError } from '#libs/policy/policy-error.js';
import type { Policy } from '#libs/policy/policy.js';
import { sql, type DatabasePool } from '#libs/postgres/pool.js';
import { z } from 'zod';
import { COMPLIANCE_GROUP, isHuman } from '../../request/domain/eligibility.js';
import type { Refusal } from '../../request/domain/refusal.js';
import { actorOf } from '../../request/read/viewer.js';
import { clientKey, findEarlier, keepKey } from '../../request/write/client-key.js';
import type { Executed, RequestExecutor } from '../../request/write/request-executor.js';
import type { PolicyReader } from '../policy-shelf.js';
import { lockPublications, publish, versionProblem } from '../publication.js';
import { nobodyCouldSign } from '../publish-policy.js';
import { loadChange, recordChange, type ChangeRecord } from './change-record.js';
import { decideChange, type ChangeCommand } from './domain/decide-change.js';
import { propose } from './propose.js';
import { findPending } from './supersede-pending.js';

export interface PolicyChangesDependencies {
  readonly pool: DatabasePool;
  readonly executor: RequestExecutor;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Reads a text as the policy file would be read; throws PolicyError. */
  readonly read: (text: string) => Policy;
  /** Reads a text that was published. */
  readonly readPublished: PolicyReader;
}

export interface VoteOnChange {
  readonly id: string;
  readonly voter: Identity;
  readonly decision: 'approve' | 'deny';
  readonly reason: string | undefined;
  readonly channel: string;
  readonly key: string | undefined;
}

export type Proposed =
  { readonly ok: true; readonly id: string } | { readonly ok: false; readonly refusal: Refusal };

/** What people do with changes of policy. Keeps nothing between two calls: any replica may take the next. */
export class PolicyChanges {
  constructor(private readonly dependencies: PolicyChangesDependencies) {}

  find(id: string): Promise<ChangeRecord> {
    return loadChange(this.dependencies.pool, id);
  }

  /** Somebody signs or denies; with the last signature the policy is published in the same transaction. */
  vote({ id, voter, decision, reason, channel, key }: VoteOnChange): Promise<Executed> {
    const { executor, directory, clock, newId } = this.dependencies;
    const used = clientKey(voter.name, key, ['policy-change-vote', id, decision, reason]);
    return executor.transact<Executed>(async (unit, tx) => {
      const earlier = await findEarlier(tx, used);
      if (earlier.kind === 'other') return { ok: false, refusal: { code: 'key-reused' } };
      if (earlier.kind === 'same')
        return earlier.refusal === undefined ? { ok: true } : { ok: false, refusal: earlier.refusal };
      const last = await lockPublications(tx);
      const record = await loadChange(tx, id);
      const author = record.state?.proposal.author;
      const publicationId = newId();
      const command: ChangeCommand = {
        type: 'vote',
        voter: await actorOf(directory, voter),
        authorOwner: author === undefined ? undefined : (await directory.find(author))?.owner,
        decision,
        reason,
        channel,
        inForce: last?.hash ?? '',
        publicationId,
      };
      const work = { unit, tx, newId, now: clock.now() };
      const decided = decideChange(command, record.state, work.now);
      recordChange(work, record, decided.events, voter);
      const accepted = decided.events.find((event) => event.type === 'policy-change.accepted');
      const proposal = record.state?.proposal;
      if (accepted !== undefined && proposal?.type === 'policy-change.proposed')
        await publish(work, {
          id: publicationId,
          policy: { version: proposal.policyVersion, hash: proposal.policyHash, text: proposal.text },
          author: proposal.author,
          reason: proposal.reason,
          last,
          change: { id, decidedBy: accepted.decidedBy },
        });
      const refusal = decided.ok ? undefined : decided.refusal;
      if (decided.ok || (!used.derived && decided.events.length > 0)) await keepKey(tx, used, id, refusal);
      return refusal === undefined ? { ok: true } : { ok: false, refusal };
    });
  }

  /** Somebody proposes a policy under their own name, where the policy in force takes changes that way. */
  async propose(proposer: Identity, text: string, given: string | undefined): Promise<Proposed> {
    const { executor, directory, clock, newId, read, readPublished } = this.dependencies;
    const refuse = (code: Refusal['code'], message: string): Proposed => ({
      ok: false,
      refusal: { code, message },
    });
    return executor.transact<Proposed>(async (unit, tx) => {
      const last = await lockPublications(tx);
      const rules = last === null ? undefined : (await readPublished(last.text)).changeRules;
      if (last === null || rules?.proposers === undefined)
        return refuse('not-asked-for', 'The policy in force takes changes from its file: change that.');
      const actor = await actorOf(directory, proposer);
      const groups = actor.standing?.groups ?? [];
      if (
        !isHuman(actor) ||
        groups.includes(COMPLIANCE_GROUP) ||
        !rules.proposers.some((group) => groups.includes(group))
      )
        return refuse(
          'not-a-proposer',
          `Changes of policy are proposed by people of ${rules.proposers.join(', ')}.`,
        );
      const policy = policyOrProblem(read, text);
      if (typeof policy === 'string') return refuse('no-policy', policy);
      const reason = given ?? policy.change?.reason;
      if (reason === undefined || reason.trim() === '')
        return refuse('reason-required', 'A change of policy needs a reason.');
      const members = await Promise.all(
        (policy.changeRules?.reviewers ?? [])
          .flatMap(({ group, or = [] }) => [group, ...or])
          .map((group) => directory.membersOf(group)),
      );
      const people = [...new Map(members.flat().map((each) => [each.name, each])).values()];
      const problem =
        (await versionProblem(tx, policy, readPublished)) ?? nobodyCouldSign(policy.changeRules, people);
      if (problem !== undefined) return refuse('no-policy', problem);
      if (policy.hash === last.hash) return refuse('no-change', 'This policy is in force.');
      const pending = await findPending(tx);
      if (pending?.policy_hash === policy.hash && pending.previous_hash === last.hash)
        return { ok: true, id: pending.id };
      const work = { unit, tx, newId, now: clock.now() };
      const id = await propose(work, { policy, last, rules, author: proposer.name, reason, proposer });
      return { ok: true, id };
    });
  }

  /** Ends what was not signed in time. Returns how long to wait before looking again, ms. */
  async expireDue(): Promise<number> {
    const { pool, executor, clock, newId } = this.dependencies;
    const due = await pool.any(sql.type(z.object({ id: z.string() }))`
      SELECT id::text FROM approvals.policy_changes
      WHERE due_at <= ${new Date(clock.now()).toISOString()}::timestamptz`);
    for (const { id } of due)
      await executor.transact(async (unit, tx) => {
        await lockPublications(tx);
        const record = await loadChange(tx, id);
        const work = { unit, tx, newId, now: clock.now() };
        recordChange(work, record, decideChange({ type: 'expire' }, record.state, work.now).events);
      });
    return LOOK_MS;
  }
}

const LOOK_MS = 1_000;

function policyOrProblem(read: (text: string) => Policy, text: string): Policy | string {
  try {
    return read(text);
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
}
