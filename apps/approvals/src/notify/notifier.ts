import type { RequestView } from '../request/read/request-view.js';

/** What a notification is about: a request that waits, or how it ended. */
export const notifiedEvents = [
  'request.waiting',
  'request.granted',
  'request.refused',
  'request.expired',
  'request.cancelled',
  'request.revoked',
  'request.consumed',
] as const;
export type NotifiedEvent = (typeof notifiedEvents)[number];

export interface Notification {
  /** The same when it is sent again. */
  readonly id: string;
  readonly event: NotifiedEvent;
  /** Of `request.waiting`: counts the times people are told, from 1. Of an end: 1. */
  readonly step: number;
}

/** What is sent, as it was written when it became due. */
export interface Delivery {
  readonly id: string;
  readonly requestId: string;
  readonly event: string;
  readonly recipient: string;
  readonly body: string;
  /** This one included. */
  readonly attempts: number;
}

/** `again`: not taken now, or not known to be. `never`: it will not be taken, however often it is sent. */
export type Sent =
  { readonly kind: 'taken' } | { readonly kind: 'again' | 'never'; readonly problem: string };

/**
 * A way to tell people, beside Slack, that requests wait and what became of them: a webhook, e-mail. What is to be
 * told stands in one table (approvals.notifications) and is sent at least once, in order for each request and
 * recipient, by any replica. Nothing a notifier does can hold up a decision, and no vote comes back this way.
 */
export interface Notifier {
  /** Under which its notifications are kept: never change it. */
  readonly channel: string;
  /** `fallback`: only for what Slack does not show in time. */
  readonly when: 'always' | 'fallback';
  /** Told each time reviewers are (asked, next, escalated, reminded); else once, as soon as a request is routed. */
  readonly everyStep: boolean;
  /** Who is told that a request waits; those who were are also told how it ended. Empty: there is nobody. */
  recipients(view: RequestView, step: number): Promise<readonly string[]>;
  /** What all of them get. Pure: it is kept, so that a repetition is the same. */
  body(notification: Notification, view: RequestView): string;
  /** Sends it once, within 20 s. What goes wrong is a value. */
  send(delivery: Delivery): Promise<Sent>;
}
