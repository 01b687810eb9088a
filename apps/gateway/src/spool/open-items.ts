import type { Identity } from '#libs/contracts/identity.js';
import type { Effect, Outcome } from '#libs/contracts/events/statement-events.js';

/** What was begun and has no end in the spool yet. Kept in memory, and in every segment's checkpoint. */
export interface OpenSession {
  readonly openedId: string;
  readonly sessionId: string;
  readonly identity?: Identity | undefined;
}

export interface OpenIntent {
  readonly id: string;
  readonly effect: Effect | undefined;
  readonly sessionId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly identity?: Identity | undefined;
  /** review.released is in the spool: bytes of the statement may have left. */
  released: boolean;
  /** How its review ended, where that was recorded before its own outcome. */
  concluded?: Outcome | undefined;
}

export interface OpenReview {
  readonly askedId: string;
  readonly intentId: string;
  readonly gatewayId: string;
  readonly requestId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly identity?: Identity | undefined;
  released: boolean;
  /** The outcome of its intent, where that was recorded before the review's own end. */
  outcome?: Outcome | undefined;
}

export interface OpenItemsSnapshot {
  readonly sessions: readonly OpenSession[];
  readonly intents: readonly OpenIntent[];
  readonly reviews: readonly OpenReview[];
}

/** The fields of an event that this file reads; all else is ignored. */
export interface ObservedEvent {
  readonly id: string;
  readonly type: string;
  readonly sessionId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly identity?: Identity | undefined;
  readonly [field: string]: unknown;
}

/** Follows the spool's events in order and knows what is still open. Pure but for its own state. */
export class OpenItems {
  private readonly sessions = new Map<string, OpenSession>();
  private readonly intents = new Map<string, OpenIntent>();
  /** By intent: one statement has at most one review. */
  private readonly reviews = new Map<string, OpenReview>();

  observe(event: ObservedEvent): void {
    switch (event.type) {
      case 'statement.intent-recorded':
        this.openIntent(event);
        return;
      case 'statement.outcome-recorded':
        this.endIntent(event['intentId'] as string, event['outcome'] as Outcome);
        return;
      case 'session.opened':
        if (event.sessionId !== undefined)
          this.sessions.set(event.sessionId, {
            openedId: event.id,
            sessionId: event.sessionId,
            identity: event.identity,
          });
        return;
      case 'session.closed':
        if (event.sessionId !== undefined) this.sessions.delete(event.sessionId);
        return;
      case 'review.asked':
        this.openReview(event);
        return;
      case 'review.released':
        this.release(event);
        return;
      case 'review.cancelled':
        this.endReview(event['intentId'] as string, 'cancelled');
        return;
      case 'review.concluded':
        this.endReview(event['intentId'] as string, event['outcome'] as Outcome);
        return;
      default:
    }
  }

  snapshot(): OpenItemsSnapshot {
    return {
      sessions: [...this.sessions.values()],
      intents: [...this.intents.values()],
      reviews: [...this.reviews.values()],
    };
  }

  restore(snapshot: OpenItemsSnapshot): void {
    for (const session of snapshot.sessions) this.sessions.set(session.sessionId, session);
    for (const intent of snapshot.intents) this.intents.set(intent.id, { ...intent });
    for (const review of snapshot.reviews) this.reviews.set(review.intentId, { ...review });
  }

  private openIntent(event: ObservedEvent): void {
    const verdict = event['verdict'] as { effect: Effect } | undefined;
    this.intents.set(event.id, {
      id: event.id,
      effect: verdict?.effect,
      sessionId: event.sessionId,
      requestId: event.requestId,
      identity: event.identity,
      released: false,
    });
  }

  private endIntent(intentId: string, outcome: Outcome): void {
    this.intents.delete(intentId);
    const review = this.reviews.get(intentId);
    if (review !== undefined) review.outcome = outcome;
  }

  private openReview(event: ObservedEvent): void {
    // Whoever does not wait leaves its request open on purpose, until it is used (review.released).
    if (event['wait'] === 'retry') return;
    const intentId = event['intentId'] as string;
    this.reviews.set(intentId, {
      askedId: event.id,
      intentId,
      gatewayId: event['gatewayId'] as string,
      requestId: event.requestId,
      sessionId: event.sessionId,
      identity: event.identity,
      released: false,
    });
  }

  private release(event: ObservedEvent): void {
    const intentId = event['intentId'] as string;
    const intent = this.intents.get(intentId);
    if (intent !== undefined) intent.released = true;
    // From here on approvals waits for the outcome of an attempt too.
    if (!this.reviews.has(intentId)) this.openReview(event);
    (this.reviews.get(intentId) as OpenReview).released = true;
  }

  private endReview(intentId: string, outcome: Outcome): void {
    this.reviews.delete(intentId);
    const intent = this.intents.get(intentId);
    if (intent !== undefined) intent.concluded = outcome;
  }
}
