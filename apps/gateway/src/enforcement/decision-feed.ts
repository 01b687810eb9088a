import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, Subscription } from '#libs/event-log/port.js';
import type { Logger } from '#libs/observability/logger.js';
import type { DecisionInbox } from './decision-inbox.js';

const RETRY_MS = 1_000;

/**
 * Keeps the inbox fed. Where reading cannot go on it begins again at the end of the log: a decision that
 * was missed leaves its statement held until it expires, and runs nothing.
 */
export class DecisionFeed {
  private subscription: Subscription | undefined;
  private stopped = false;
  /** Why decisions do not arrive now; undefined when they do. */
  problem: string | undefined = 'decisions are not read yet';

  constructor(
    private readonly log: EventLog,
    private readonly inbox: DecisionInbox,
    private readonly gatewayId: string,
    private readonly logger: Logger,
  ) {}

  /** Resolves when the position is fixed: every decision appended after that arrives. */
  async start(): Promise<void> {
    this.subscription = await this.inbox.start(this.log, (error) => void this.again(error));
    this.problem = undefined;
  }

  /** The same while the event log is away: its position is fixed before anything is appended by a LateEventLog. */
  startLater(): void {
    this.start().catch((error: unknown) => {
      if (!this.stopped) void this.again(error as Error);
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.subscription?.stop();
  }

  private async again(error: Error): Promise<void> {
    this.problem = `decisions are not read: ${error.message}`;
    this.logger.error({ err: error, gatewayId: this.gatewayId }, 'reading decisions broke off');
    while (!this.stopped) {
      await sleep(RETRY_MS);
      try {
        if (!this.stopped) await this.start();
        return;
      } catch (cause) {
        this.logger.warn({ err: cause }, 'decisions cannot be read yet');
      }
    }
  }
}
