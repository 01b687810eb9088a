import type { DecisionWindow, Reviewers } from '#libs/contracts/events/request-events.js';
import type { Signals } from '#libs/contracts/events/signals.js';
import type { StoredEvent } from '../../event-store/load-stream.js';
import { signatures } from '../domain/quorum.js';
import type { RequestEventOf } from '../domain/request-event.js';
import type { RequestStatus } from '../domain/request-state.js';
import { refusalOf, type RefusalView } from './request-refusal.js';

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
  readonly reviewers: Reviewers;
  /** `retry`: the client does not wait; it sends the statement again after the approval. */
  readonly wait: 'hold' | 'retry';
  readonly signals?: Signals;
  readonly risk?: Pick<RequestEventOf<'request.risk-assessed'>, 'score' | 'level' | 'reasons' | 'actions'>;
  readonly order?: 'parallel' | 'sequential';
  readonly windows?: readonly DecisionWindow[];
  /** Who may sign instead of `reviewers`, since nobody decided in time. */
  readonly escalatedTo?: readonly Reviewers[];
  /** Who was told, and how many people could decide then. */
  readonly notified?: readonly NotifiedView[];
  readonly reminders?: number;
  /** The lowest ceiling on rows that an approval named. */
  readonly maxRows?: number;
  /** Present where the policy decided and no person did. */
  readonly automatic?: { readonly rule: string };
  /** Present when the statement may not run: why, for programs, and what would be approvable. */
  readonly refusal?: RefusalView;
  /** The attempt that used the grant up, where the statement is sent again. */
  readonly consumedBy?: string;
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

export interface NotifiedView {
  readonly step: RequestEventOf<'request.reviewer-notified'>['step'];
  readonly groups: readonly string[];
  readonly count: number;
  /** Empty where they were too many to be told one by one. */
  readonly people: readonly string[];
  readonly time: string;
}

export interface VoteView {
  readonly voter: string;
  readonly group: string;
  readonly decision: 'approve' | 'deny';
  readonly reason?: string;
  readonly maxRows?: number;
  readonly channel?: string;
  readonly time: string;
}

/** The view after an event of the request's stream. Pure, so that it can be made again from the stream. */
export function projectRequest(view: RequestView | undefined, event: StoredEvent): RequestView {
  if (event.type === 'request.requested') return opened(event);
  if (view === undefined) throw new Error(`${event.type} before request.requested`);
  const refusal = refusalOf(view.rule, event);
  const next = projected(view, event);
  return refusal === undefined ? next : { ...next, refusal };
}

function projected(
  view: RequestView,
  event: Exclude<StoredEvent, { type: 'request.requested' }>,
): RequestView {
  const { time } = event;
  switch (event.type) {
    case 'request.routed':
      return {
        ...view,
        reviewers: event.needed,
        needed: signatures(event.needed),
        ...(event.order === undefined ? {} : { order: event.order }),
        ...(event.windows === undefined ? {} : { windows: event.windows }),
      };
    case 'request.risk-assessed': {
      const { score, level, reasons, actions } = event;
      return { ...view, risk: { score, level, reasons, actions } };
    }
    case 'request.reviewer-notified': {
      const { step, groups, count, people } = event;
      return { ...view, notified: [...(view.notified ?? []), { step, groups, count, people, time }] };
    }
    case 'request.escalated':
      return { ...view, escalatedTo: [...(view.escalatedTo ?? []), event.needed] };
    case 'request.reminded':
      return { ...view, reminders: event.number };
    case 'request.vote-cast': {
      const { group, decision, reason, maxRows, channel } = event;
      const vote = {
        voter: event.voter.name,
        group,
        decision,
        ...(reason === undefined ? {} : { reason }),
        ...(maxRows === undefined ? {} : { maxRows }),
        ...(channel === undefined ? {} : { channel }),
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
        ...(event.maxRows === undefined ? {} : { maxRows: event.maxRows }),
        ...(event.automatic === undefined ? {} : { automatic: event.automatic }),
      };
    case 'request.refused':
      return {
        ...view,
        state: 'refused',
        decidedBy: event.decidedBy,
        decidedAt: time,
        endedAt: time,
        endReason: event.reason,
        ...(event.automatic === undefined ? {} : { automatic: event.automatic }),
      };
    case 'request.expired':
      return { ...view, state: 'expired', endedAt: time };
    case 'request.cancelled':
      return { ...view, state: 'cancelled', endedAt: time, endReason: event.reason };
    case 'request.consumed':
      return {
        ...view,
        state: 'consumed',
        endedAt: time,
        ...(event.intentId === undefined ? {} : { consumedBy: event.intentId }),
      };
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
    wait: event.wait ?? 'hold',
    ...(event.signals === undefined ? {} : { signals: event.signals }),
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
