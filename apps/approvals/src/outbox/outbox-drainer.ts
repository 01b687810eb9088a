import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, EventLogProducer } from '#libs/event-log/port.js';
import type { Logger } from '#libs/observability/logger.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { markSent, readUnsent } from './outbox-queries.js';

/** One drainer for each approvals schema of a database: "csgn" and "outb" as two 32-bit numbers. */
const ADVISORY_LOCK = '1668507502, 1870099554';

/** How often is looked without a wake-up, ms: a notification may be lost with its connection. */
const POLL_MS = 500;
const RETRY_MS = 500;
const BATCH = 200;

export interface OutboxDrainerOptions {
  readonly pool: DatabasePool;
  readonly databaseUrl: string;
  readonly eventLog: EventLog;
  readonly logger: Logger;
}

/**
 * Sends the outbox to the event log, in order, at least once: progress is noted after the log has
 * acknowledged, and event ids make a second time harmless. One of all replicas drains at a time; the
 * right to it is an advisory lock of one connection, so it ends with the process or the connection that
 * held it. A drainer that lost it unnoticed can only repeat what the next one sends too: both send
 * unbroken runs upward from what is noted, so the first copies still stand in order.
 */
export class OutboxDrainer {
  private readonly stopping = new AbortController();
  private wake: (() => void) | undefined;
  private woken = false;
  private running: Promise<void> | undefined;
  private failingSince: number | undefined;
  /** Only while this process holds the right to drain. */
  private producer: EventLogProducer | undefined;

  constructor(private readonly options: OutboxDrainerOptions) {}

  start(): void {
    this.running = this.run();
  }

  /** Something was committed: look at once. */
  poke(): void {
    this.woken = true;
    this.wake?.();
  }

  /** Milliseconds since draining began to fail without a success; undefined while all is well. */
  failingFor(): number | undefined {
    return this.failingSince === undefined ? undefined : performance.now() - this.failingSince;
  }

  /**
   * Sends what is left, for `drainMs` at most, and ends. Call it when nothing is written any more. What
   * was not sent then is sent by the next process.
   */
  async stop(drainMs = 5_000): Promise<void> {
    this.stopping.abort();
    this.poke();
    const limit = setTimeout(() => void this.producer?.close(), drainMs);
    await this.running;
    clearTimeout(limit);
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.session();
      } catch (error) {
        this.failingSince ??= performance.now();
        this.options.logger.warn({ err: error }, 'the outbox is not being drained');
        await sleep(RETRY_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      }
    }
  }

  /** The life of one connection: waits for the lock, then drains until it is stopped or something breaks. */
  private async session(): Promise<void> {
    const client = await connectClient(this.options.databaseUrl, 'countersign approvals outbox');
    let lost: Error | undefined;
    const onLost = (error?: Error): void => {
      lost ??= error ?? new Error('the connection that held the right to drain has ended');
      this.poke();
    };
    client.on('error', onLost);
    client.on('end', onLost);
    client.on('notification', () => this.poke());
    try {
      await client.query('LISTEN countersign_approvals_outbox');
      while (!this.stopping.signal.aborted) {
        if (lost !== undefined) throw lost;
        if (this.producer === undefined && (await tryLock(client)))
          this.producer = await this.options.eventLog.producer();
        await this.drain();
        this.failingSince = undefined;
        await this.pause();
      }
      await this.drain();
    } finally {
      const { producer } = this;
      this.producer = undefined;
      await producer?.close();
      await client.end();
    }
  }

  private async drain(): Promise<void> {
    const { producer } = this;
    this.woken = false;
    while (producer !== undefined) {
      this.woken = false;
      const unsent = await readUnsent(this.options.pool, BATCH);
      if (unsent.length === 0) return;
      // A log that is away holds the call back instead of failing it.
      this.failingSince ??= performance.now();
      await producer.append(unsent);
      await markSent(this.options.pool, unsent);
      this.failingSince = undefined;
    }
  }

  private async pause(): Promise<void> {
    if (this.woken || this.stopping.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }
}

async function tryLock(client: PgClient): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>(
    `SELECT pg_try_advisory_lock(${ADVISORY_LOCK}) AS held`,
  );
  return rows[0]?.held === true;
}
