import type { CastVote } from './request-command.js';
import type { RequestEventOf } from './request-event.js';
import type { Request } from './request-state.js';
import { grantExpiresAt, hasRunOut } from './deadline.js';
import { accepted, alreadyEnded, refused, type Decided } from './decided.js';
import { isOpen, opensAt } from './decision-window.js';
import { barredBySeparation, reviewerGroups } from './eligibility.js';
import { eligibleGroups, seat } from './quorum.js';
import { approversOf, openQuorums } from './turn.js';
import { withGroups } from './voter.js';

/** Refused votes are recorded up to this many for one request: a stream must not grow without bound. */
const MAX_REFUSED_VOTES = 200;

type Why = RequestEventOf<'request.vote-refused'>['why'];

const EXPLANATIONS: Readonly<Record<Why, string>> = {
  agent: 'Only people decide: agents and services never do.',
  'own-request': 'Nobody decides their own request.',
  'agent-owner': 'Nobody decides a request of an agent they own.',
  'not-a-reviewer': 'This request is not yours to decide: you are in none of the groups it was routed to.',
  'already-voted': 'You have already voted: one person fills one place in a quorum.',
  'not-your-turn': 'Others have to sign before you: this request asks its reviewers one after the other.',
  'outside-window': 'Approvals of this request count only inside its decision windows.',
};

/**
 * Judges a vote in this order: separation of duties, the end of the request, time, the route, current
 * groups, earlier votes, whose turn it is, the decision windows. One denial of an eligible reviewer
 * refuses, also by somebody who approved before, out of turn or outside a window: changing one's mind may
 * only make it stricter.
 */
export function decideVote(command: CastVote, state: Request, now: number): Decided {
  const { voter, decision, reason, maxRows, channel } = command;
  const barred = barredBySeparation(state, voter, command.requesterOwner);
  if (barred !== undefined) return refuseVote(command, state, barred);
  if (state.status !== 'pending') return alreadyEnded(state);
  if (hasRunOut(state, now)) {
    return refused('expired', 'The request has expired; the statement did not run.', {
      type: 'request.expired',
    });
  }
  if (state.route === undefined)
    return refused('not-routed', 'The policy version that judged this statement is not known here yet.');
  const groups = reviewerGroups(state, voter);
  const firstGroup = groups[0];
  if (firstGroup === undefined) return refuseVote(command, state, 'not-a-reviewer');
  if (decision === 'deny' && (reason === undefined || reason.trim() === ''))
    return refused('reason-required', 'A denial needs a reason.');

  // What stands in the event is what eligibility was judged from: the groups of this moment.
  const recorded = withGroups(voter, groups);
  const cast = (group: string): RequestEventOf<'request.vote-cast'> => ({
    type: 'request.vote-cast',
    voter: recorded,
    group,
    decision,
    ...(reason === undefined ? {} : { reason }),
    ...(maxRows === undefined ? {} : { maxRows }),
    ...(channel === undefined ? {} : { channel }),
  });
  if (decision === 'deny') {
    return accepted(cast(firstGroup), {
      type: 'request.refused',
      decidedBy: [recorded.name],
      reason: reason as string,
    });
  }
  if (state.votes.some((vote) => vote.voter.name === voter.identity.name))
    return refuseVote(command, state, 'already-voted');
  if (maxRows !== undefined && state.noRowCeiling !== undefined) {
    return refused(
      'no-row-ceiling',
      `A ceiling on the rows of this statement cannot be kept: ${state.noRowCeiling}. Vote without one, or deny.`,
    );
  }
  const before = approversOf(state);
  const open = openQuorums(state, before).flatMap((quorum) => eligibleGroups(quorum, recorded.groups));
  if (open.length === 0) return refuseVote(command, state, 'not-your-turn');
  if (!isOpen(state.route.windows, now)) {
    const opens = opensAt(state.route.windows, now);
    const when = opens === undefined ? '' : ` The next one opens at ${new Date(opens).toISOString()}.`;
    return refuseVote(command, state, 'outside-window', when);
  }
  const approvers = [...before, recorded];
  const seatings = state.route.quorums.map((quorum) => seat(quorum, approvers));
  const complete = seatings.find((seating) => seating.complete);
  const group = [complete, ...seatings].map((seating) => seating?.groupOf.get(recorded.name));
  const vote = cast(group.find((each) => each !== undefined) ?? open[0] ?? firstGroup);
  if (complete === undefined) return accepted(vote);
  const ceilings = [...state.votes.map((each) => each.maxRows), maxRows].filter((rows) => rows !== undefined);
  return accepted(vote, {
    type: 'request.granted',
    decidedBy: [...new Set(approvers.map((approver) => approver.name))].filter((name) =>
      complete.groupOf.has(name),
    ),
    digest: state.digest,
    decisionId: command.decisionId,
    grantExpiresAt: new Date(grantExpiresAt(state, now)).toISOString(),
    ...(ceilings.length === 0 ? {} : { maxRows: Math.min(...ceilings) }),
  });
}

function refuseVote(command: CastVote, state: Request, why: Why, more = ''): Decided {
  const recordable = state.status === 'pending' && state.refusedVotes < MAX_REFUSED_VOTES;
  return refused(
    why,
    `${EXPLANATIONS[why]}${more}`,
    ...(recordable
      ? [
          {
            type: 'request.vote-refused' as const,
            voter: withGroups(command.voter, []),
            decision: command.decision,
            why,
            ...(command.channel === undefined ? {} : { channel: command.channel }),
          },
        ]
      : []),
  );
}
