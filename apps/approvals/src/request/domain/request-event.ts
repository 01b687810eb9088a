import type { Envelope } from '#libs/contracts/envelope.js';
import type { EventOf, EventType } from '#libs/contracts/events/registry.js';

export type RequestEventType = Extract<EventType, `request.${string}`>;

/** What happened to a request, without the envelope: ids, time and producer are the store's business. */
export type RequestEvent = {
  [T in RequestEventType]: { readonly type: T } & Omit<EventOf<T>, keyof Envelope>;
}[RequestEventType];

export type RequestEventOf<T extends RequestEventType> = Extract<RequestEvent, { type: T }>;
