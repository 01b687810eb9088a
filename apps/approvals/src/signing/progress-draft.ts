import type { EventDraft } from '../event-store/event-draft.js';
import { seat, signatures } from '../request/domain/quorum.js';
import type { RequestEvent } from '../request/domain/request-event.js';
import type { Request } from '../request/domain/request-state.js';
import type { DecisionContext } from './decision-draft.js';

/**
 * What the gateway tells the client that waits, undefined when the event changes nothing for it: nobody
 * waits, the request is decided, or the requester spoke. `state`: after the event.
 */
export function progressDraft(
  event: RequestEvent,
  state: Request,
  context: DecisionContext,
): EventDraft | undefined {
  if (state.status !== 'pending' || state.wait === 'retry' || state.route === undefined) return undefined;
  const said = event.type === 'request.commented' ? event : undefined;
  if (said === undefined && event.type !== 'request.vote-cast' && event.type !== 'request.escalated')
    return undefined;
  if (said?.author.name === state.requester.name) return undefined;
  const { quorums } = state.route;
  return {
    id: context.newId(),
    type: 'hold.progressed',
    key: state.gatewayId,
    requestId: context.requestId,
    sessionId: context.sessionId,
    causationId: context.causationId,
    place: undefined,
    fields: {
      gatewayId: state.gatewayId,
      issuedAt: new Date(context.now).toISOString(),
      ...nearest(state),
      escalated: quorums.length - 1,
      ...(said === undefined ? {} : { comment: { by: said.author.name, text: said.text } }),
    },
  };
}

/** Of the quorums that are enough, the one with the fewest signatures missing. */
function nearest({ route, votes }: Request): { signed: number; needed: number } {
  const approvers = votes.filter(({ decision }) => decision === 'approve').map(({ voter }) => voter);
  const counts = (route?.quorums ?? []).map((quorum) => ({
    signed: seat(quorum, approvers).groupOf.size,
    needed: signatures(quorum),
  }));
  return counts.reduce((best, each) => (each.needed - each.signed < best.needed - best.signed ? each : best));
}
