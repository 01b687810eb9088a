import type { z } from 'zod';
import * as control from './control-events.js';
import * as decision from './decision-events.js';
import * as gatewayPolicy from './gateway-policy-events.js';
import * as policyChange from './policy-change-events.js';
import * as request from './request-events.js';
import * as review from './review-events.js';
import * as session from './session-events.js';
import * as slack from './slack-events.js';
import * as statement from './statement-events.js';

/** Every type of event there is. The contract documents are generated from this list. */
export const eventDefinitions = [
  session.sessionOpened,
  session.sessionRefused,
  session.sessionClosed,
  statement.intentRecorded,
  statement.statementPrepared,
  statement.textChunkRecorded,
  statement.outcomeRecorded,
  statement.decisionRejected,
  review.reviewPartRecorded,
  review.reviewAsked,
  review.reviewCancelled,
  review.reviewReleased,
  review.reviewConcluded,
  decision.decisionIssued,
  decision.receiptIssued,
  decision.holdProgressed,
  request.requestRequested,
  request.requestRiskAssessed,
  request.requestRouted,
  request.requestReviewerNotified,
  request.requestEscalated,
  request.requestReminded,
  request.requestVoteCast,
  request.requestVoteRefused,
  request.requestCommented,
  request.requestGranted,
  request.requestRefused,
  request.requestExpired,
  request.requestCancelled,
  request.requestConsumed,
  request.requestRevoked,
  request.reviewRejected,
  control.policyPublished,
  control.policyRejected,
  policyChange.policyChangeProposed,
  policyChange.policyChangeVoteCast,
  policyChange.policyChangeVoteRefused,
  policyChange.policyChangeAccepted,
  policyChange.policyChangeRefused,
  policyChange.policyChangeExpired,
  policyChange.policyChangeSuperseded,
  policyChange.policyChangeForced,
  gatewayPolicy.policyApplied,
  gatewayPolicy.policyIgnored,
  slack.slackAccountLinked,
  slack.slackAccountUnlinked,
] as const;

type Definition = (typeof eventDefinitions)[number];

export type EventType = Definition['type'];

export type EventOf<T extends EventType> = z.output<Extract<Definition, { type: T }>['schema']>;

export type AnyEvent = { [T in EventType]: EventOf<T> }[EventType];

const byType = new Map<string, Definition>(
  eventDefinitions.map((definition) => [definition.type, definition]),
);

export type ParsedEvent = { ok: true; event: AnyEvent } | { ok: false; problem: string };

/** Reads the bytes of an event. A refusal is a value: consumers must go on. */
export function parseEvent(bytes: Uint8Array): ParsedEvent {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return { ok: false, problem: 'not JSON in UTF-8' };
  }
  const type = typeof json === 'object' && json !== null ? (json as { type?: unknown }).type : undefined;
  const definition = typeof type === 'string' ? byType.get(type) : undefined;
  if (definition === undefined)
    return { ok: false, problem: `unknown type of event: ${String(type).slice(0, 64)}` };
  const result = definition.schema.safeParse(json);
  if (result.success) return { ok: true, event: result.data as AnyEvent };
  const issue = result.error.issues[0];
  return {
    ok: false,
    problem: `${definition.type}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`,
  };
}

export const topicOf = (type: EventType): Definition['topic'] => (byType.get(type) as Definition).topic;
