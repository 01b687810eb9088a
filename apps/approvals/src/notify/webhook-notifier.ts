import type { Clock } from '#libs/kernel/clock.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { Delivery, Notifier, Sent } from './notifier.js';
import { webhookBody, webhookSignature } from './webhook-body.js';
import type { WebhookSettings } from './webhook-settings.js';

const TIMEOUT_MS = 10_000;

/** Notifies another system (a chat, a pager) over a signed webhook. */
export class WebhookNotifier implements Notifier {
  readonly channel = 'webhook';
  readonly everyStep = false;

  constructor(
    private readonly settings: WebhookSettings,
    private readonly clock: Clock,
    /** Where people reach approvals. */
    private readonly link: () => string,
  ) {}

  get when(): Notifier['when'] {
    return this.settings.when;
  }

  recipients(): Promise<readonly string[]> {
    return Promise.resolve(['webhook']);
  }

  body: Notifier['body'] = ({ event, id }, view) => webhookBody(event, id, view, this.link());

  async send(delivery: Delivery): Promise<Sent> {
    const { url, secret } = this.settings;
    const timestamp = Math.floor(this.clock.now() / 1000);
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'user-agent': 'countersign',
          'x-countersign-delivery': delivery.id,
          'x-countersign-timestamp': String(timestamp),
          'x-countersign-signature': webhookSignature(delivery.body, timestamp, secret),
        },
        body: delivery.body,
        // A signed body goes where it was configured to go and nowhere else.
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.body?.cancel();
      return response.status >= 200 && response.status < 300
        ? { kind: 'taken' }
        : { kind: 'again', problem: `HTTP ${response.status}` };
    } catch (error) {
      return { kind: 'again', problem: messageOf(error) };
    }
  }
}
