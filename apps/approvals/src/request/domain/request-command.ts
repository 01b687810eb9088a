import type { Approvable } from '#libs/contracts/events/request-events.js';
import type { Identity } from '#libs/contracts/identity.js';
import type { RequestEventOf } from './request-event.js';

/** What the directory says of a person at this moment. */
export interface Standing {
  readonly kind: Identity['kind'];
  readonly groups: readonly string[];
  readonly owner?: string | undefined;
}

/** Somebody who wants to decide: who the token says they are, and what the directory knows of them now. */
export interface Actor {
  readonly identity: Identity;
  /** undefined: the directory does not know the name; such a person decides nothing. */
  readonly standing: Standing | undefined;
}

/** What the policy says of a request: who must sign, and what risk decides by itself. */
export interface ReviewPlan {
  /** undefined where the policy has no risk rules. */
  readonly assessed: Omit<RequestEventOf<'request.risk-assessed'>, 'type'> | undefined;
  readonly route: Omit<RequestEventOf<'request.routed'>, 'type'>;
  readonly automatic: AutomaticDecision | undefined;
}

export type AutomaticDecision =
  | {
      readonly verdict: 'refuse';
      readonly rule: string;
      readonly reason: string;
      readonly approvable: Approvable | undefined;
    }
  /** The id is that of the decision that is signed. */
  | { readonly verdict: 'grant'; readonly rule: string; readonly decisionId: string };

export interface OpenRequest {
  readonly type: 'open';
  readonly requested: Omit<RequestEventOf<'request.requested'>, 'type'>;
  /** undefined: the policy version that judged is not known yet; the request waits without a route. */
  readonly plan: ReviewPlan | undefined;
}

export interface RouteRequest {
  readonly type: 'route';
  readonly plan: ReviewPlan;
}

/** Who may decide now, as the directory lists them, is told. */
export interface NotifyReviewers {
  readonly type: 'notify';
  readonly step: RequestEventOf<'request.reviewer-notified'>['step'];
  readonly groups: readonly string[];
  /** By name, eligible ones only. */
  readonly people: readonly string[];
  /** The most people that are told one by one. */
  readonly limit: number;
}

/** Nobody decided in time; whether it is time is judged from `now`. */
export interface EscalateRequest {
  readonly type: 'escalate';
  readonly people: readonly string[];
  readonly limit: number;
}

export interface CastVote {
  readonly type: 'cast-vote';
  readonly voter: Actor;
  /** The owner of the requester as the directory knows it now, beside the one in the requester's identity. */
  readonly requesterOwner: string | undefined;
  readonly decision: 'approve' | 'deny';
  readonly reason: string | undefined;
  /** Approves for so many rows at most. */
  readonly maxRows: number | undefined;
  /** The way it came: `api`, `cli`, `slack`. */
  readonly channel: string | undefined;
  /** The id of the decision that is signed if this vote completes the quorum. */
  readonly decisionId: string;
}

export interface Comment {
  readonly type: 'comment';
  readonly author: Actor;
  readonly text: string;
}

export interface RevokeGrant {
  readonly type: 'revoke';
  readonly by: Actor;
  readonly reason: string | undefined;
}

/** Time has passed; whether anything has run out is judged from `now`. */
export interface ExpireRequest {
  readonly type: 'expire';
}

/** The gateway says that its hold has ended. */
export interface CancelRequest {
  readonly type: 'cancel';
  readonly gatewayId: string;
  readonly intentId: string;
  readonly reason: string;
}

/** The gateway says that it used the grant: a fact, whatever has happened here since. */
export interface ConsumeGrant {
  readonly type: 'consume';
  readonly gatewayId: string;
  readonly intentId: string;
  readonly decisionId: string;
  readonly digest: string;
}

/** The same statement was sent again, as a new attempt, by a client that did not wait. */
export interface SpendGrant {
  readonly type: 'spend';
  readonly gatewayId: string;
  readonly intentId: string;
  readonly digest: string;
  /** Until when the attempt can still run, milliseconds since 1970; undefined: as long as the grant lives. */
  readonly answerBy: number | undefined;
}

export type RequestCommand =
  | OpenRequest
  | RouteRequest
  | NotifyReviewers
  | EscalateRequest
  | CastVote
  | Comment
  | RevokeGrant
  | ExpireRequest
  | CancelRequest
  | ConsumeGrant
  | SpendGrant;
