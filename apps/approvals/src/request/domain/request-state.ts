import type { Reviewers } from '#libs/contracts/events/request-events.js';
import type { Identity } from '#libs/contracts/identity.js';
import type { RequestEvent, RequestEventOf } from './request-event.js';

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
  readonly maxRows: number | undefined;
}

/** Who must sign, in which order and when; as request.routed says it, with when that was. */
export interface Route extends Omit<RequestEventOf<'request.routed'>, 'type'> {
  /** The quorums that are enough, each by itself: `needed`, then those it was escalated to. */
  readonly quorums: readonly Reviewers[];
}

/** What people were told of a request. */
export interface Told {
  /** How many entries of `needed` have been asked; undefined: nobody was told yet. */
  readonly asked: number | undefined;
  /** When anybody was told first, milliseconds since 1970. */
  readonly since: number | undefined;
  readonly reminders: number;
}

export interface Grant {
  readonly digest: string;
  /** undefined only for a grant written before decisions were named in it. */
  readonly decisionId: string | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly decidedBy: readonly string[];
  readonly maxRows: number | undefined;
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
  /** `retry`: nobody is connected; the grant is used up here, for an attempt that names its digest. */
  readonly wait: 'hold' | 'retry';
  /** undefined until the request is routed. */
  readonly route: Route | undefined;
  readonly told: Told;
  /** Why a ceiling on rows could not be kept; undefined where it can, or nothing is known against it. */
  readonly noRowCeiling: string | undefined;
  readonly votes: readonly Vote[];
  readonly refusedVotes: number;
  readonly comments: number;
  /** Stays after the request leaves `granted`: what was signed cannot be unsent. */
  readonly grant: Grant | undefined;
  /** The attempt the grant was used up for; only with `retry`. */
  readonly consumedBy: string | undefined;
  /** When it left `pending` for an end, or was granted, milliseconds since 1970. */
  readonly endedAt: number | undefined;
  /** Why it was refused or revoked, and by whom. */
  readonly endReason: string | undefined;
  readonly endedBy: readonly string[] | undefined;
  readonly endedByRequester: boolean;
}

export type RequestState = Request | undefined;

const NOBODY_TOLD: Told = { asked: undefined, since: undefined, reminders: 0 };

/** The state after an event that happened at `at`, ms since 1970. Events are facts: nothing is judged here. */
export function evolve(state: RequestState, event: RequestEvent, at: number): RequestState {
  if (event.type === 'request.requested') {
    return {
      status: 'pending',
      requester: event.requester,
      gatewayId: event.gatewayId,
      intentId: event.intentId,
      digest: event.digest,
      expiresAt: Date.parse(event.expiresAt),
      wait: event.wait ?? 'hold',
      route: undefined,
      told: NOBODY_TOLD,
      noRowCeiling:
        event.signals?.rowCeiling === 'not-guaranteed'
          ? (event.signals.rowCeilingReason ?? 'rows change that are not counted')
          : undefined,
      votes: [],
      refusedVotes: 0,
      comments: 0,
      grant: undefined,
      consumedBy: undefined,
      endedAt: undefined,
      endReason: undefined,
      endedBy: undefined,
      endedByRequester: false,
    };
  }
  if (state === undefined) throw new Error(`${event.type} before request.requested`);
  switch (event.type) {
    case 'request.risk-assessed':
      return state;
    case 'request.routed':
      return { ...state, route: { ...event, quorums: [event.needed] } };
    case 'request.reviewer-notified':
      return { ...state, told: toldAfter(state, event, at) };
    case 'request.escalated': {
      const { route } = state;
      if (route === undefined) return state;
      return { ...state, route: { ...route, quorums: [...route.quorums, event.needed] } };
    }
    case 'request.reminded':
      return { ...state, told: { ...state.told, reminders: event.number } };
    case 'request.vote-cast': {
      const { voter, decision, maxRows } = event;
      return { ...state, votes: [...state.votes, { voter, decision, maxRows }] };
    }
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
          decidedBy: event.decidedBy,
          maxRows: event.maxRows,
        },
      };
    case 'request.refused':
      return {
        ...state,
        status: 'refused',
        endedAt: at,
        endReason: event.reason,
        endedBy: event.decidedBy,
      };
    case 'request.expired':
      return { ...state, status: 'expired', endedAt: at };
    case 'request.cancelled':
      return { ...state, status: 'cancelled', endedAt: at };
    case 'request.consumed':
      return { ...state, status: 'consumed', consumedBy: event.intentId };
    case 'request.revoked':
      return {
        ...state,
        status: 'revoked',
        endedAt: at,
        endReason: event.reason,
        endedBy: [event.by.name],
        endedByRequester: event.by.name === state.requester.name,
      };
  }
}

function toldAfter(state: Request, event: RequestEventOf<'request.reviewer-notified'>, at: number): Told {
  const { told, route } = state;
  const since = told.since ?? at;
  switch (event.step) {
    case 'asked':
      return { ...told, since, asked: route?.order === 'sequential' ? 1 : (route?.needed.length ?? 0) };
    case 'next':
      return { ...told, since, asked: (told.asked ?? 0) + 1 };
    case 'escalated':
    case 'reminded':
      return { ...told, since };
  }
}
