import { reviewCancelled, reviewConcluded } from '#libs/contracts/events/review-events.js';
import { sessionClosed } from '#libs/contracts/events/session-events.js';
import { outcomeRecorded, type Outcome } from '#libs/contracts/events/statement-events.js';
import type { OpenIntent, OpenItemsSnapshot, OpenReview, OpenSession } from './open-items.js';
import type { DraftEvent } from './spool.js';

const REASONS = {
  unknown: 'the gateway stopped before it could see how the statement ended',
  cancelled: 'the gateway stopped while the statement was held; it never ran',
  refused: 'the gateway stopped before it recorded the refusal; the statement never ran',
  completed: undefined,
  failed: 'the statement failed; the gateway stopped before it recorded the details',
} as const satisfies Record<Outcome, string | undefined>;

/** One append: all its events are recorded together or none is. */
export interface Closing {
  readonly events: readonly DraftEvent[];
  readonly outcome?: Outcome;
  readonly reviewConcluded: boolean;
  readonly sessionClosed: boolean;
}

export interface ClosingContext {
  readonly producer: string;
  readonly newId: () => string;
  /** RFC 3339 in UTC with milliseconds. */
  readonly time: () => string;
}

/**
 * The events that end what a gateway's death left open: statements first, then their sessions. Nothing
 * is ever run again. Held and not released is `cancelled`; released, or allowed at once, is `unknown`;
 * a denied statement is `refused`.
 */
export function closingsOf(open: OpenItemsSnapshot, context: ClosingContext): Closing[] {
  const reviews = new Map(open.reviews.map((review) => [review.intentId, review]));
  const closings: Closing[] = [];
  for (const intent of open.intents) {
    const review = reviews.get(intent.id);
    reviews.delete(intent.id);
    const outcome = outcomeOf(intent);
    closings.push({
      events: [
        outcomeEvent(intent, outcome, context),
        ...(review ? reviewEnd(review, outcome, context) : []),
      ],
      outcome,
      reviewConcluded: review !== undefined,
      sessionClosed: false,
    });
  }
  for (const review of reviews.values())
    closings.push({
      events: reviewEnd(review, review.outcome ?? (review.released ? 'unknown' : 'cancelled'), context),
      reviewConcluded: true,
      sessionClosed: false,
    });
  for (const session of open.sessions)
    closings.push({
      events: [sessionEnd(session, context)],
      reviewConcluded: false,
      sessionClosed: true,
    });
  return closings;
}

function outcomeOf(intent: OpenIntent): Outcome {
  if (intent.concluded !== undefined) return intent.concluded;
  if (intent.effect === 'deny') return 'refused';
  if (intent.effect === 'review') return intent.released ? 'unknown' : 'cancelled';
  return 'unknown';
}

function outcomeEvent(intent: OpenIntent, outcome: Outcome, context: ClosingContext): DraftEvent {
  const reason = REASONS[outcome];
  return {
    topic: 'statements',
    key: context.producer,
    signed: false,
    event: {
      id: context.newId(),
      type: outcomeRecorded.type,
      schemaVersion: outcomeRecorded.schemaVersion,
      time: context.time(),
      ...present({ requestId: intent.requestId, sessionId: intent.sessionId }),
      causationId: intent.id,
      ...present({ identity: intent.identity }),
      intentId: intent.id,
      outcome,
      ...present({ reason }),
      durationMs: 0,
    },
  };
}

function reviewEnd(review: OpenReview, outcome: Outcome, context: ClosingContext): DraftEvent[] {
  const envelope = (definition: { type: string; schemaVersion: number }) => ({
    id: context.newId(),
    type: definition.type,
    schemaVersion: definition.schemaVersion,
    time: context.time(),
    ...present({ requestId: review.requestId, sessionId: review.sessionId }),
    causationId: review.intentId,
    ...present({ identity: review.identity }),
    gatewayId: review.gatewayId,
    intentId: review.intentId,
  });
  const draft = (event: DraftEvent['event']): DraftEvent => ({
    topic: 'requests',
    key: review.requestId ?? review.intentId,
    signed: true,
    event,
  });
  const concluded = draft({
    ...envelope(reviewConcluded),
    outcome,
    ...present({ reason: REASONS[outcome] }),
  });
  if (review.released || outcome !== 'cancelled') return [concluded];
  return [draft({ ...envelope(reviewCancelled), reason: 'gateway-crash' }), concluded];
}

function sessionEnd(session: OpenSession, context: ClosingContext): DraftEvent {
  return {
    topic: 'statements',
    key: context.producer,
    signed: false,
    event: {
      id: context.newId(),
      type: sessionClosed.type,
      schemaVersion: sessionClosed.schemaVersion,
      time: context.time(),
      sessionId: session.sessionId,
      causationId: session.openedId,
      ...present({ identity: session.identity }),
      reason: 'gateway-crash',
    },
  };
}

/** The fields that have a value: absent ones must not stand in an event. */
const present = <T extends Record<string, unknown>>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
