import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { Identity } from '#libs/contracts/identity.js';
import type { RequestEvent } from './request-event.js';

export const requestStatuses = [
  'pending',
  'granted',
  'refused',
  'expired',
  'cancelled',
  'consumed',
  'revoked',
] as const;
export type RequestStatus = (typeof requestStatuses)[number];

export interface Vote {
  /** With the groups the directory listed when the vote was cast. */
  readonly voter: Identity;
  readonly decision: 'approve' | 'deny';
}

export interface Grant {
  readonly digest: string;
  /** undefined only for a grant written before decisions were named in it. */
  readonly decisionId: string | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What deciding needs to know of a request; undefined before it is opened. */
export interface Request {
  readonly status: RequestStatus;
  readonly requester: Identity;
  readonly gatewayId: string;
  readonly intentId: string;
  readonly digest: string;
  /** The end of the gateway's hold, milliseconds since 1970. */
  readonly expiresAt: number;
  /** undefined until the request is routed. */
  readonly needed: Reviewers | undefined;
  readonly votes: readonly Vote[];
  readonly refusedVotes: number;
  readonly comments: number;
  /** Stays after the request leaves `granted`: what was signed cannot be unsent. */
  readonly grant: Grant | undefined;
}

export type RequestState = Request | undefined;

/** The state after an event. Events are facts: nothing is judged here. */
export function evolve(state: RequestState, event: RequestEvent): RequestState {
  if (event.type === 'request.requested') {
    return {
      status: 'pending',
      requester: event.requester,
      gatewayId: event.gatewayId,
      intentId: event.intentId,
      digest: event.digest,
      expiresAt: Date.parse(event.expiresAt),
      needed: undefined,
      votes: [],
      refusedVotes: 0,
      comments: 0,
      grant: undefined,
    };
  }
  if (state === undefined) throw new Error(`${event.type} before request.requested`);
  switch (event.type) {
    case 'request.routed':
      return { ...state, needed: event.needed };
    case 'request.vote-cast':
      return { ...state, votes: [...state.votes, { voter: event.voter, decision: event.decision }] };
    case 'request.vote-refused':
      return { ...state, refusedVotes: state.refusedVotes + 1 };
    case 'request.commented':
      return { ...state, comments: state.comments + 1 };
    case 'request.granted':
      return {
        ...state,
        status: 'granted',
        grant: {
          digest: event.digest,
          decisionId: event.decisionId,
          expiresAt: Date.parse(event.grantExpiresAt),
        },
      };
    case 'request.refused':
      return { ...state, status: 'refused' };
    case 'request.expired':
      return { ...state, status: 'expired' };
    case 'request.cancelled':
      return { ...state, status: 'cancelled' };
    case 'request.consumed':
      return { ...state, status: 'consumed' };
    case 'request.revoked':
      return { ...state, status: 'revoked' };
  }
}
