import { loadStream } from '../event-store/load-stream.js';
import type { Logger } from '#libs/observability/logger.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { repeat, type Repeated } from '../request/automation/repeat.js';
import { findBindings, findRequest } from '../request/read/request-queries.js';
import { markTold, postpone, takeDueNotices, type DueNotice } from './notice-queries.js';
import type { ReviewerNotifier } from './reviewer-notifier.js';

const AT_ONCE = 20;

/** How often is looked without a wake-up, ms: another replica may have committed the change. */
const POLL_MS = 500;

/** The longest pause after a failed delivery, ms. */
const LONGEST_BACKOFF_MS = 60_000;

/** Tells one notifier of every change; one of all replicas at a time for each request. */
export class NoticeDispatcher {
  private running: Repeated | undefined;

  constructor(
    private readonly pool: DatabasePool,
    private readonly notifier: ReviewerNotifier,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.running = repeat(() => this.dispatch(), {
      retryMs: 1_000,
      onError: (err) => this.logger.warn({ err, notifier: this.notifier.name }, 'notices cannot be read'),
    });
  }

  /** Something was committed: look at once. */
  poke(): void {
    this.running?.wake();
  }

  /** Resolves when no delivery is under way any more. */
  async stop(): Promise<void> {
    await this.running?.stop();
  }

  private async dispatch(): Promise<number> {
    const due = await takeDueNotices(this.pool, this.notifier.name, AT_ONCE);
    await Promise.all(due.map((notice) => this.deliver(notice)));
    return due.length === AT_ONCE ? 0 : POLL_MS;
  }

  private async deliver({ requestId, toldVersion, failures }: DueNotice): Promise<void> {
    const { name } = this.notifier;
    try {
      // The request before its events: what is told is never newer than what is noted as told.
      const request = await findRequest(this.pool, requestId);
      if (request === undefined) return;
      const events = (await loadStream(this.pool, requestId)).slice(toldVersion, request.version);
      const binding = (await findBindings(this.pool, [requestId])).get(requestId);
      const delivered = await this.notifier.deliver({ requestId, events, request, binding, failures });
      if (delivered.kind === 'later') await postpone(this.pool, name, requestId, delivered.retryAfterMs);
      else await markTold(this.pool, name, requestId, request);
    } catch (err) {
      this.logger.warn({ err, notifier: name, requestId }, 'a notice was not delivered and is tried again');
      const backoff = Math.min(LONGEST_BACKOFF_MS, 1_000 * 2 ** Math.min(failures, 10));
      await postpone(this.pool, name, requestId, backoff).catch(() => undefined);
    }
  }
}
