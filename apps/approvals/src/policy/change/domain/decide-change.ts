import { COMPLIANCE_GROUP, isHuman, sameActor } from '../../../request/domain/eligibility.js';
import { eligibleGroups, seat } from '../../../request/domain/quorum.js';
import type { Refusal, RefusalCode } from '../../../request/domain/refusal.js';
import type { Actor } from '../../../request/domain/request-command.js';
import { withGroups } from '../../../request/domain/voter.js';
import type { ChangeEvent, ChangeEventOf } from './change-event.js';
import type { ChangeState, PolicyChange } from './change-state.js';

export interface VoteOnChange {
  readonly type: 'vote';
  readonly voter: Actor;
  /** The owner of the author as the directory knows it now; undefined for people. */
  readonly authorOwner: string | undefined;
  readonly decision: 'approve' | 'deny';
  readonly reason: string | undefined;
  readonly channel: string | undefined;
  /** SHA-256 of the policy in force now. */
  readonly inForce: string;
  /** The id of the policy.published that follows if this vote completes the quorum. */
  readonly publicationId: string;
}

export type ChangeCommand =
  | VoteOnChange
  /** Time has passed; whether it has run out is judged from `now`. */
  | { readonly type: 'expire' }
  | { readonly type: 'supersede'; readonly why: ChangeEventOf<'policy-change.superseded'>['why'] };

/** Events are to be stored in either case: a vote that was refused is recorded. */
export type ChangeDecided =
  | { readonly ok: true; readonly events: readonly ChangeEvent[] }
  | { readonly ok: false; readonly refusal: Refusal; readonly events: readonly ChangeEvent[] };

/** What a command does to a change of policy. Pure; `now` in milliseconds since 1970. */
export function decideChange(command: ChangeCommand, state: ChangeState, now: number): ChangeDecided {
  if (state === undefined) return refused('unknown-change', 'There is no such change of policy.');
  if (command.type === 'vote') return decideVote(command, state, now);
  if (state.status !== 'pending') return accepted();
  if (command.type === 'supersede') return accepted({ type: 'policy-change.superseded', why: command.why });
  return hasRunOut(state, now) ? accepted({ type: 'policy-change.expired' }) : accepted();
}

/** Refused votes are recorded up to this many for one change: a stream must not grow without bound. */
const MAX_REFUSED_VOTES = 200;

type Why = ChangeEventOf<'policy-change.vote-refused'>['why'];

const EXPLANATIONS: Readonly<Record<Why, string>> = {
  agent: 'Only people sign: agents and services never do.',
  'own-change': 'Nobody signs a change of policy they made.',
  'agent-owner': 'Nobody signs what an agent they own made.',
  'not-a-reviewer': 'You are in none of the groups that the policy in force asks.',
  'already-voted': 'You have already signed: one person fills one place.',
};

/**
 * Judges a vote in this order: separation of duties, the end of the change, time, whether the policy it
 * would replace is still in force, current groups, earlier votes. One denial refuses.
 */
function decideVote(command: VoteOnChange, state: PolicyChange, now: number): ChangeDecided {
  const { voter, decision, reason, channel } = command;
  const barred = barredFrom(command, state);
  if (barred !== undefined) return refuseVote(command, state, barred);
  if (state.status !== 'pending')
    return refused(
      state.status === 'expired'
        ? 'expired'
        : state.status === 'superseded'
          ? 'superseded'
          : 'already-decided',
      `This change of policy is ${state.status}.`,
    );
  if (hasRunOut(state, now))
    return refused('expired', 'The change was not signed in time; the policy before it stays.', {
      type: 'policy-change.expired',
    });
  if (command.inForce !== state.proposal.previousHash)
    return refused('superseded', 'Another policy is in force than when this change was proposed.', {
      type: 'policy-change.superseded',
      why: 'policy-changed',
    });
  const { needed, policyHash } = state.proposal;
  const known = voter.standing?.groups ?? [];
  const groups = known.includes(COMPLIANCE_GROUP) ? [] : eligibleGroups(needed, known);
  const [firstGroup] = groups;
  if (firstGroup === undefined) return refuseVote(command, state, 'not-a-reviewer');
  if (decision === 'deny' && (reason === undefined || reason.trim() === ''))
    return refused('reason-required', 'A denial needs a reason.');

  const recorded = withGroups(voter, groups);
  const cast = (group: string): ChangeEventOf<'policy-change.vote-cast'> => ({
    type: 'policy-change.vote-cast',
    voter: recorded,
    group,
    decision,
    ...(reason === undefined ? {} : { reason }),
    ...(channel === undefined ? {} : { channel }),
  });
  if (decision === 'deny')
    return accepted(cast(firstGroup), {
      type: 'policy-change.refused',
      decidedBy: [recorded.name],
      reason: reason as string,
    });
  if (state.votes.some((vote) => sameActor(vote.voter, voter.identity)))
    return refuseVote(command, state, 'already-voted');
  const signers = [...state.votes.map((vote) => vote.voter), recorded];
  const { complete, groupOf } = seat(needed, signers);
  const vote = cast(groupOf.get(recorded.name) ?? firstGroup);
  if (!complete) return accepted(vote);
  return accepted(vote, {
    type: 'policy-change.accepted',
    decidedBy: signers.map(({ name }) => name).filter((name) => groupOf.has(name)),
    policyHash,
    publicationId: command.publicationId,
  });
}

function barredFrom({ voter, authorOwner }: VoteOnChange, state: PolicyChange): Why | undefined {
  if (!isHuman(voter)) return 'agent';
  const { proposal, proposer } = state;
  if (voter.identity.name === proposal.author) return 'own-change';
  if (proposer !== undefined && sameActor(proposer, voter.identity)) return 'own-change';
  return authorOwner === voter.identity.name ? 'agent-owner' : undefined;
}

const hasRunOut = ({ expiresAt }: PolicyChange, now: number): boolean =>
  expiresAt !== undefined && now >= expiresAt;

function refuseVote(command: VoteOnChange, state: PolicyChange, why: Why): ChangeDecided {
  const recordable = state.status === 'pending' && state.refusedVotes < MAX_REFUSED_VOTES;
  const { voter, decision, channel } = command;
  return refused(
    why === 'own-change' ? 'own-request' : why,
    EXPLANATIONS[why],
    ...(recordable
      ? [
          {
            type: 'policy-change.vote-refused' as const,
            voter: withGroups(voter, []),
            decision,
            why,
            ...(channel === undefined ? {} : { channel }),
          },
        ]
      : []),
  );
}

const accepted = (...events: ChangeEvent[]): ChangeDecided => ({ ok: true, events });

const refused = (code: RefusalCode, message: string, ...events: ChangeEvent[]): ChangeDecided => ({
  ok: false,
  refusal: { code, message },
  events,
});
