import type { Binding } from '#libs/contracts/binding.js';
import type { StoredEvent } from '../event-store/load-stream.js';
import type { FoundRequest } from '../request/read/request-queries.js';

/** What somebody who tells people about requests is told. */
export interface RequestNotice {
  readonly requestId: string;
  /** The events of the request since this notifier was last told of it, in order; empty where only its outcome came. */
  readonly events: readonly StoredEvent[];
  /** The request as it is now; at least as new as the events. */
  readonly request: FoundRequest;
  /** What an approval binds: the exact bytes that reviewers have to be shown. */
  readonly binding: Binding | undefined;
  /** Notices that could not be delivered in a row before this one. */
  readonly failures: number;
}

/** `told`: never again for these events. `later`: not yet, and not before so many milliseconds. */
export type Delivered = { readonly kind: 'told' } | { readonly kind: 'later'; readonly retryAfterMs: number };

/**
 * A way to tell people that requests wait for them, and what became of them: Slack, a webhook, e-mail.
 *
 * Every change of every request is delivered at least once, in order for each request, by one replica at
 * a time; changes that follow each other quickly arrive together. Who is to be told stands in the
 * `request.reviewer-notified` events. Nothing of what a notifier does can hold up a decision: a throw, or
 * a delivery that takes longer than LEASE_MS, means that the notice is delivered again later.
 *
 * A vote that comes back this way is cast with CastVoteCommand on the CommandBus, as HTTP does, with the
 * person's identity by the directory, an idempotency key of the click and the name of the way as channel.
 */
export interface ReviewerNotifier {
  /** Under which its progress is kept: never change it. */
  readonly name: string;
  deliver(notice: RequestNotice): Promise<Delivered>;
}
