import type { StoredEvent } from '../../event-store/load-stream.js';
import type { RequestStatus } from '../domain/request-state.js';

/** A request as the API shows it, without what comes from its binding. Stored as JSON beside its columns. */
export interface RequestView {
  readonly id: string;
  readonly state: RequestStatus;
  readonly requester: string;
  readonly requesterKind: string;
  readonly onBehalfOf?: string;
  readonly target: string;
  readonly environment: string;
  readonly database: string;
  readonly statement: {
    /** Credentials replaced. Absent for a text above 64 KiB: the whole text is in the binding. */
    readonly text?: string;
    readonly sha256: string;
    readonly bytes: number;
    readonly kind: string;
    readonly category: string;
    readonly incomplete?: string;
    readonly credentialsReplaced?: number;
  };
  readonly rule: string;
  readonly reason: string;
  readonly policyVersion: number;
  readonly policyHash: string;
  /** How many distinct people must approve; null until the request is routed. */
  readonly needed: number | null;
  readonly reviewers: readonly { readonly group: string; readonly count: number }[];
  readonly votes: readonly VoteView[];
  readonly refusedVotes: readonly { voter: string; decision: string; why: string; time: string }[];
  readonly comments: readonly { author: string; text: string; time: string }[];
  readonly gatewayId: string;
  readonly intentId: string;
  readonly sessionId?: string;
  readonly digest: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly decidedBy?: readonly string[];
  readonly decidedAt?: string;
  readonly decisionId?: string;
  readonly grantExpiresAt?: string;
  /** Why it was refused, cancelled or revoked. */
  readonly endReason?: string;
  readonly endedAt?: string;
  readonly revokedBy?: string;
}

export interface VoteView {
  readonly voter: string;
  readonly group: string;
  readonly decision: 'approve' | 'deny';
  readonly reason?: string;
  readonly time: string;
}

/** The view after an event of the request's stream. Pure, so that it can be made again from the stream. */
export function projectRequest(view: RequestView | undefined, event: StoredEvent): RequestView {
  if (event.type === 'request.requested') return opened(event);
  if (view === undefined) throw new Error(`${event.type} before request.requested`);
  const { time } = event;
  switch (event.type) {
    case 'request.routed':
      return {
        ...view,
        reviewers: event.needed,
        needed: event.needed.reduce((sum, place) => sum + place.count, 0),
      };
    case 'request.vote-cast': {
      const { group, decision, reason } = event;
      const vote = {
        voter: event.voter.name,
        group,
        decision,
        ...(reason === undefined ? {} : { reason }),
        time,
      };
      return { ...view, votes: [...view.votes, vote] };
    }
    case 'request.vote-refused': {
      const attempt = { voter: event.voter.name, decision: event.decision, why: event.why, time };
      return { ...view, refusedVotes: [...view.refusedVotes, attempt] };
    }
    case 'request.commented':
      return {
        ...view,
        comments: [...view.comments, { author: event.author.name, text: event.text, time }],
      };
    case 'request.granted':
      return {
        ...view,
        state: 'granted',
        decidedBy: event.decidedBy,
        decidedAt: time,
        grantExpiresAt: event.grantExpiresAt,
        ...(event.decisionId === undefined ? {} : { decisionId: event.decisionId }),
      };
    case 'request.refused':
      return {
        ...view,
        state: 'refused',
        decidedBy: event.decidedBy,
        decidedAt: time,
        endedAt: time,
        endReason: event.reason,
      };
    case 'request.expired':
      return { ...view, state: 'expired', endedAt: time };
    case 'request.cancelled':
      return { ...view, state: 'cancelled', endedAt: time, endReason: event.reason };
    case 'request.consumed':
      return { ...view, state: 'consumed', endedAt: time };
    case 'request.revoked':
      return {
        ...view,
        state: 'revoked',
        endedAt: time,
        revokedBy: event.by.name,
        ...(event.reason === undefined ? {} : { endReason: event.reason }),
      };
  }
}

function opened(event: Extract<StoredEvent, { type: 'request.requested' }>): RequestView {
  const { requester, target, statement, verdict } = event;
  return {
    id: event.requestId as string,
    state: 'pending',
    requester: requester.name,
    requesterKind: requester.kind,
    ...(requester.onBehalfOf === undefined ? {} : { onBehalfOf: requester.onBehalfOf }),
    target: target.name,
    environment: target.environment,
    database: target.database,
    statement: {
      ...(statement.text === undefined ? {} : { text: statement.text }),
      sha256: statement.sha256,
      bytes: statement.bytes,
      kind: statement.kind,
      category: statement.category,
      ...(statement.incomplete === undefined ? {} : { incomplete: statement.incomplete }),
      ...(statement.credentialsReplaced === undefined
        ? {}
        : { credentialsReplaced: statement.credentialsReplaced }),
    },
    rule: verdict.rule,
    reason: verdict.reason,
    policyVersion: verdict.policyVersion,
    policyHash: verdict.policyHash,
    needed: null,
    reviewers: [],
    votes: [],
    refusedVotes: [],
    comments: [],
    gatewayId: event.gatewayId,
    intentId: event.intentId,
    ...(event.sessionId === undefined ? {} : { sessionId: event.sessionId }),
    digest: event.digest,
    createdAt: event.time,
    expiresAt: event.expiresAt,
  };
}
