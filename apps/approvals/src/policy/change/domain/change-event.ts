import type { Envelope } from '#libs/contracts/envelope.js';
import type { EventOf, EventType } from '#libs/contracts/events/registry.js';

export type ChangeEventType = Extract<EventType, `policy-change.${string}`>;

/** What happened to a change of policy, without the envelope: ids, time and producer are the store's business. */
export type ChangeEvent = {
  [T in ChangeEventType]: { readonly type: T } & Omit<EventOf<T>, keyof Envelope>;
}[ChangeEventType];

export type ChangeEventOf<T extends ChangeEventType> = Extract<ChangeEvent, { type: T }>;
