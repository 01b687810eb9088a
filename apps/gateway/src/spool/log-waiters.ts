import type { Clock } from '#libs/kernel/clock.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import type { Durable } from './pending-group.js';

/** How long the event log may take to acknowledge what somebody waits for, in milliseconds. */
export const REPLICATION_LIMIT_MS = 10_000;

interface Waiter {
  /** Events counted since the spool was made, its own included. */
  readonly goal: number;
  readonly until: number;
  readonly durable: Durable;
}

/** Those who wait for the event log itself, in the order of their appends. */
export class LogWaiters {
  private readonly waiters: Waiter[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly limitMs: number,
  ) {}

  get waiting(): boolean {
    return this.waiters.length > 0;
  }

  add(goal: number, durable: Durable): void {
    this.waiters.push({ goal, until: this.clock.monotonic() + this.limitMs, durable });
    this.watch();
  }

  /** The log has acknowledged so many events. */
  drained(events: number): void {
    while ((this.waiters[0]?.goal ?? Infinity) <= events) this.waiters.shift()?.durable();
  }

  /** Nothing will reach the log any more. */
  fail(error: CodedError): void {
    clearTimeout(this.timer);
    for (const { durable } of this.waiters.splice(0)) durable(error);
  }

  private watch(): void {
    const first = this.waiters[0];
    if (this.timer !== undefined || first === undefined) return;
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        const now = this.clock.monotonic();
        while ((this.waiters[0]?.until ?? Infinity) <= now) this.waiters.shift()?.durable(notReplicated());
        this.watch();
      },
      Math.max(1, first.until - this.clock.monotonic()),
    ).unref();
  }
}

const notReplicated = (): CodedError =>
  new CodedError('NOT_REPLICATED', 'the event log did not acknowledge the record in time', {
    safeToRetry: true,
  });
