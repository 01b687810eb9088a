import { messageOf } from '#libs/kernel/coded-error.js';
import type { Logger } from '#libs/observability/logger.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { repeat, type Repeated } from '../request/automation/repeat.js';
import {
  addEnds,
  addWaiting,
  claimDelivery,
  noteDelivered,
  noteUndelivered,
} from './notification-queries.js';
import type { Delivery, Notifier } from './notifier.js';

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 10 * 60_000;
/** With the pauses between them about two hours. */
const MAX_ATTEMPTS = 20;
const POLL_MS = 500;

export interface RunNotifierOptions {
  readonly notifier: Notifier;
  readonly pool: DatabasePool;
  readonly newId: () => string;
  readonly logger: Logger;
  /** How long Slack may take first, ms; undefined: without Slack. */
  readonly fallbackAfterMs: number | undefined;
}

/** Tells one notifier of what is due: at least once, in any number of replicas, with back-off and an end to it. */
export function runNotifier(options: RunNotifierOptions): Repeated {
  const { notifier, pool, newId, logger } = options;
  const { channel } = notifier;
  const afterMs = notifier.when === 'fallback' ? options.fallbackAfterMs : undefined;
  return repeat(
    async () => {
      for (const untold of await addWaiting(pool, notifier, afterMs, newId))
        logger.error({ channel, ...untold }, 'there is nobody to tell that a request waits');
      await addEnds(pool, notifier, newId);
      const delivery = await claimDelivery(pool, channel);
      if (delivery === undefined) return POLL_MS;
      await deliver(delivery, options);
      return 0;
    },
    {
      retryMs: 1_000,
      onError: (error) =>
        logger.warn({ channel, problem: messageOf(error) }, 'a notifier failed and runs again'),
    },
  );
}

async function deliver(delivery: Delivery, { notifier, pool, logger }: RunNotifierOptions): Promise<void> {
  const sent = await notifier.send(delivery);
  if (sent.kind === 'taken') return noteDelivered(pool, delivery.id);
  const again = sent.kind === 'again' && delivery.attempts < MAX_ATTEMPTS;
  const pause = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(20, delivery.attempts - 1));
  const { id, requestId, event, attempts } = delivery;
  const about = { channel: notifier.channel, id, requestId, event, attempts, problem: sent.problem };
  if (again) logger.warn(about, 'a notification was not taken');
  else logger.error(about, 'a notification is given up');
  await noteUndelivered(pool, delivery.id, sent.problem, again ? pause : undefined);
}
