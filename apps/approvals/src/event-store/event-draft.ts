import type { EventType } from '#libs/contracts/events/registry.js';
import type { Identity } from '#libs/contracts/identity.js';

/** An event before the store gives it its time, producer, sequence and bytes. */
export interface EventDraft {
  /** A new UUIDv7. */
  readonly id: string;
  readonly type: EventType;
  /** Decides the partition: the request id, the gateway id, or what is configured. */
  readonly key: string;
  readonly requestId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly identity?: Identity | undefined;
  /** The fields of the type, as contracts say. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The place in a request's stream; undefined for events that belong to none. */
  readonly place: { readonly stream: string; readonly version: number } | undefined;
}
