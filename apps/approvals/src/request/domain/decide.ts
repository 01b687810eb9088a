import type { RequestCommand } from './request-command.js';
import type { RequestEvent } from './request-event.js';
import { evolve, type Request, type RequestState } from './request-state.js';
import { hasRunOut } from './deadline.js';
import { decideNotified, escalate } from './decide-notified.js';
import { routeEvents } from './decide-route.js';
import { decideVote } from './decide-vote.js';
import { accepted, alreadyEnded, refused, type Decided } from './decided.js';
import { barredBySeparation, isHuman, reviewerGroups, sameActor } from './eligibility.js';

const MAX_COMMENTS = 200;

/**
 * Judges a command. Pure: `now` is milliseconds since 1970, ids stand in the command. A command that has
 * already had its effect is accepted with no events.
 */
export function decide(command: RequestCommand, state: RequestState, now: number): Decided {
  if (command.type === 'open') return open(command, state, now);
  if (state === undefined) return refused('unknown-request', 'There is no such request.');
  switch (command.type) {
    case 'route':
      if (state.route !== undefined) return refused('already-routed', 'The request has its reviewers.');
      if (state.status !== 'pending') return alreadyEnded(state);
      return hasRunOut(state, now)
        ? accepted({ type: 'request.expired' })
        : accepted(...routeEvents(state, command.plan, now));
    case 'notify':
      return decideNotified(command, state, now);
    case 'escalate':
      return escalate(command, state, now);
    case 'cast-vote':
      return decideVote(command, state, now);
    case 'comment':
      return comment(command, state);
    case 'revoke':
      return revoke(command, state);
    case 'expire':
      return hasRunOut(state, now) ? accepted({ type: 'request.expired' }) : accepted();
    case 'cancel':
      return cancel(command, state);
    case 'consume':
      return consume(command, state);
    case 'spend':
      return spend(command, state, now);
  }
}

function open(command: Extract<RequestCommand, { type: 'open' }>, state: RequestState, now: number): Decided {
  const { requested, plan } = command;
  if (state !== undefined) {
    const same =
      state.intentId === requested.intentId &&
      state.gatewayId === requested.gatewayId &&
      state.digest === requested.digest;
    return same
      ? accepted()
      : refused('already-requested', 'Another review was asked under this request id.');
  }
  const opened: RequestEvent = { type: 'request.requested', ...requested };
  const after = evolve(undefined, opened, now);
  return plan === undefined || after === undefined
    ? accepted(opened)
    : accepted(opened, ...routeEvents(after, plan, now));
}

function comment(command: Extract<RequestCommand, { type: 'comment' }>, state: Request): Decided {
  const { author } = command;
  const reviews = isHuman(author) && reviewerGroups(state, author).length > 0;
  if (!reviews && !sameActor(state.requester, author.identity))
    return refused('not-a-reviewer', 'Only the requester and the reviewers comment on a request.');
  if (state.comments >= MAX_COMMENTS)
    return refused('too-many-comments', `A request takes at most ${MAX_COMMENTS} comments.`);
  return accepted({ type: 'request.commented', author: author.identity, text: command.text });
}

/** Best effort: the signed decision is on its way, and the gateway may have used it already. */
function revoke(command: Extract<RequestCommand, { type: 'revoke' }>, state: Request): Decided {
  const { by, reason } = command;
  const own = sameActor(state.requester, by.identity);
  const reviews =
    reviewerGroups(state, by).length > 0 && barredBySeparation(state, by, undefined) === undefined;
  if (!own && !reviews)
    return refused('not-yours', 'Only the requester and the reviewers may revoke a grant.');
  if (state.status === 'pending')
    return refused('not-granted', 'There is no grant to revoke: deny the request instead.');
  if (state.status !== 'granted') return alreadyEnded(state);
  return accepted({
    type: 'request.revoked',
    by: by.identity,
    ...(reason === undefined ? {} : { reason }),
  });
}

function cancel(command: Extract<RequestCommand, { type: 'cancel' }>, state: Request): Decided {
  // What ends an attempt ends nothing: the request waits for the next one.
  if (state.wait === 'retry') return accepted();
  if (!fromItsGateway(command, state)) return anotherGateway();
  if (state.status !== 'pending' && state.status !== 'granted') return accepted();
  return command.reason === 'expired'
    ? accepted({ type: 'request.expired' })
    : accepted({ type: 'request.cancelled', reason: command.reason });
}

/**
 * The statement has gone out. That is a fact and is recorded once, also where the grant has been revoked
 * or has run out here in the meantime; without a grant of ours it is a finding.
 */
function consume(command: Extract<RequestCommand, { type: 'consume' }>, state: Request): Decided {
  const { grant } = state;
  const retry = state.wait === 'retry';
  if (retry ? command.gatewayId !== state.gatewayId : !fromItsGateway(command, state))
    return anotherGateway();
  if (
    grant === undefined ||
    (retry && state.consumedBy !== command.intentId) ||
    grant.digest !== command.digest ||
    (grant.decisionId !== undefined && grant.decisionId !== command.decisionId)
  ) {
    return refused(
      'not-the-grant',
      'The gateway released a statement on a decision that was not issued for it.',
    );
  }
  return state.status === 'consumed' ? accepted() : accepted({ type: 'request.consumed' });
}

/**
 * Uses the grant up for one attempt. The write that stores this is the only one that can: of two attempts
 * at once the later finds the stream ahead of it, and starts over on a request that is consumed. Where
 * there is nothing to use up, nothing happens: the caller answers by the state.
 */
function spend(command: Extract<RequestCommand, { type: 'spend' }>, state: Request, now: number): Decided {
  if (state.wait !== 'retry' || command.gatewayId !== state.gatewayId || command.digest !== state.digest)
    return refused('not-the-grant', 'The attempt is not for what this request is about.');
  if (hasRunOut(state, now)) return accepted({ type: 'request.expired' });
  // Used up for an attempt that nobody looks after any more, a grant would be lost.
  const tooLate = command.answerBy !== undefined && now >= command.answerBy;
  return state.status === 'granted' && !tooLate
    ? accepted({ type: 'request.consumed', intentId: command.intentId })
    : accepted();
}

const fromItsGateway = (from: { gatewayId: string; intentId: string }, state: Request): boolean =>
  from.gatewayId === state.gatewayId && from.intentId === state.intentId;

const anotherGateway = (): Decided =>
  refused('another-gateway', 'Only the gateway that holds the statement speaks for it.');
