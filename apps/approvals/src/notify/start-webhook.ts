import { messageOf } from '#libs/kernel/coded-error.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Logger } from '#libs/observability/logger.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { repeat, type Repeated } from '../request/automation/repeat.js';
import { webhookSignature } from './webhook-body.js';
import {
  addEnds,
  addWaiting,
  claimDelivery,
  noteDelivered,
  noteUndelivered,
  type Delivery,
} from './webhook-queries.js';
import type { WebhookSettings } from './webhook-settings.js';

const TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 10 * 60_000;
/** With the pauses between them about two hours. */
const MAX_ATTEMPTS = 20;
const POLL_MS = 500;

export interface WebhookDependencies {
  readonly settings: WebhookSettings;
  readonly pool: DatabasePool;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly logger: Logger;
  /** How long Slack may take first, ms; undefined: without Slack. */
  readonly fallbackAfterMs: number | undefined;
  /** Where people reach approvals. */
  readonly link: () => string;
}

/**
 * Notifies another system (a chat, a pager) over a signed webhook: at least once, in any number of
 * replicas, with back-off and an end to it. Deliveries carry an id that stays the same when repeated.
 */
export function startWebhook(dependencies: WebhookDependencies): Repeated {
  const { settings, pool, newId, logger, link } = dependencies;
  const afterMs = settings.when === 'fallback' ? dependencies.fallbackAfterMs : undefined;
  return repeat(
    async () => {
      await addWaiting(pool, afterMs, link(), newId);
      await addEnds(pool, link(), newId);
      const delivery = await claimDelivery(pool);
      if (delivery === undefined) return POLL_MS;
      await deliver(delivery, dependencies);
      return 0;
    },
    {
      retryMs: 1_000,
      onError: (error) =>
        logger.warn({ problem: messageOf(error) }, 'the webhook notifier failed and runs again'),
    },
  );
}

async function deliver(
  delivery: Delivery,
  { settings, pool, clock, logger }: WebhookDependencies,
): Promise<void> {
  const problem = await send(delivery, settings, Math.floor(clock.now() / 1000));
  if (problem === undefined) return noteDelivered(pool, delivery.id);
  const again = delivery.attempts < MAX_ATTEMPTS;
  const pause = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(20, delivery.attempts - 1));
  const about = {
    requestId: delivery.requestId,
    event: delivery.event,
    attempts: delivery.attempts,
    problem,
  };
  if (again) logger.warn(about, 'a webhook notification was not taken');
  else logger.error(about, 'a webhook notification is given up');
  await noteUndelivered(pool, delivery.id, problem, again ? pause : undefined);
}

async function send(
  delivery: Delivery,
  settings: WebhookSettings,
  timestamp: number,
): Promise<string | undefined> {
  try {
    const response = await fetch(settings.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'countersign',
        'x-countersign-delivery': delivery.id,
        'x-countersign-timestamp': String(timestamp),
        'x-countersign-signature': webhookSignature(delivery.body, timestamp, settings.secret),
      },
      body: delivery.body,
      // A signed body goes where it was configured to go and nowhere else.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.status >= 200 && response.status < 300 ? undefined : `HTTP ${response.status}`;
  } catch (error) {
    return messageOf(error);
  }
}
