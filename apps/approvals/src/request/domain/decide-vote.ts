import type { Identity } from '#libs/contracts/identity.js';
import type { Actor, CastVote } from './request-command.js';
import type { RequestEventOf } from './request-event.js';
import type { Request } from './request-state.js';
import { hasRunOut } from './deadline.js';
import { accepted, alreadyEnded, refused, type Decided } from './decided.js';
import { barredBySeparation, reviewerGroups } from './eligibility.js';
import { seat } from './quorum.js';

/** A grant is good for this long, or until the hold ends, whichever comes first. Milliseconds. */
export const GRANT_LIFETIME_MS = 5 * 60_000;

/** Refused votes are recorded up to this many for one request: a stream must not grow without bound. */
const MAX_REFUSED_VOTES = 200;

type Why = RequestEventOf<'request.vote-refused'>['why'];

const EXPLANATIONS: Readonly<Record<Why, string>> = {
  agent: 'Only people decide: agents and services never do.',
  'own-request': 'Nobody decides their own request.',
  'agent-owner': 'Nobody decides a request of an agent they own.',
  'not-a-reviewer': 'This request is not yours to decide: you are in none of the groups it was routed to.',
  'already-voted': 'You have already voted: one person fills one place in a quorum.',
};

/**
 * Judges a vote in this order: separation of duties, the end of the request, time, the route, current
 * groups, earlier votes. One denial of an eligible reviewer refuses, also by somebody who approved
 * before: changing one's mind may only make it stricter.
 */
export function decideVote(command: CastVote, state: Request, now: number): Decided {
  const { voter, decision, reason } = command;
  const barred = barredBySeparation(state, voter, command.requesterOwner);
  if (barred !== undefined) return refuseVote(command, state, barred);
  if (state.status !== 'pending') return alreadyEnded(state);
  if (hasRunOut(state, now)) {
    return refused('expired', 'The request has expired; the statement did not run.', {
      type: 'request.expired',
    });
  }
  if (state.needed === undefined)
    return refused('not-routed', 'The policy version that judged this statement is not known here yet.');
  const groups = reviewerGroups(state, voter);
  const firstGroup = groups[0];
  if (firstGroup === undefined) return refuseVote(command, state, 'not-a-reviewer');
  if (decision === 'deny' && (reason === undefined || reason.trim() === ''))
    return refused('reason-required', 'A denial needs a reason.');
  const before = state.votes.filter((vote) => vote.voter.name === voter.identity.name);
  if (decision === 'approve' && before.length > 0) return refuseVote(command, state, 'already-voted');

  // What stands in the event is what eligibility was judged from: the groups of this moment.
  const recorded = withGroups(voter, groups);
  const cast = (group: string): RequestEventOf<'request.vote-cast'> => ({
    type: 'request.vote-cast',
    voter: recorded,
    group,
    decision,
    ...(reason === undefined ? {} : { reason }),
  });
  if (decision === 'deny') {
    return accepted(cast(firstGroup), {
      type: 'request.refused',
      decidedBy: [recorded.name],
      reason: reason as string,
    });
  }
  const approvers = [
    ...state.votes.filter((vote) => vote.decision === 'approve').map((vote) => vote.voter),
    recorded,
  ];
  const seating = seat(state.needed, approvers);
  const vote = cast(seating.groupOf.get(recorded.name) ?? firstGroup);
  if (!seating.complete) return accepted(vote);
  return accepted(vote, {
    type: 'request.granted',
    decidedBy: [...new Set(approvers.map((approver) => approver.name))].filter((name) =>
      seating.groupOf.has(name),
    ),
    digest: state.digest,
    decisionId: command.decisionId,
    grantExpiresAt: new Date(Math.min(state.expiresAt, now + GRANT_LIFETIME_MS)).toISOString(),
  });
}

function refuseVote(command: CastVote, state: Request, why: Why): Decided {
  const recordable = state.status === 'pending' && state.refusedVotes < MAX_REFUSED_VOTES;
  return refused(
    why,
    EXPLANATIONS[why],
    ...(recordable
      ? [
          {
            type: 'request.vote-refused' as const,
            voter: withGroups(command.voter, []),
            decision: command.decision,
            why,
          },
        ]
      : []),
  );
}

/** The most groups an identity carries in an event (libs/contracts/identity.ts). */
const MAX_GROUPS = 200;

/** The person with the groups of this moment, those that count here first. */
const withGroups = (actor: Actor, first: readonly string[]): Identity => ({
  ...actor.identity,
  groups: [...new Set([...first, ...(actor.standing?.groups ?? [])])].slice(0, MAX_GROUPS),
});
