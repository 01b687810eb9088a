import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { checkRecord } from './check-record.js';
import { partitionKey } from './partition-key.js';
import type { EventLogProducer, RecordToAppend, TopicPartition } from './port.js';

const MAX_BATCH_RECORDS = 500;
const MAX_BATCH_BYTES = 512 * 1024;
/**
 * What a producer holds, unacknowledged ones included: then it refuses more. A call to an empty producer is
 * always taken: its caller holds the records anyway.
 */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;
const MAX_QUEUED_RECORDS = 100_000;
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 1_000;

/**
 * Records of one partition that are sent and acknowledged as one. One partition only: where a part of
 * a larger batch were acknowledged and the rest refused, sending it again would write that part twice.
 */
export interface Batch extends TopicPartition {
  /** From 0, one higher for each batch. */
  readonly number: number;
  readonly records: readonly RecordToAppend[];
}

/** The adapter's side of a producer. */
export interface BatchSender {
  /**
   * Writes the batch; resolves when the log has acknowledged it. A rejection leaves its fate open: the
   * same batch comes again, with a higher attempt, before anything else. Never called twice at once.
   */
  send(batch: Batch, attempt: number): Promise<void>;
  /** Whether no further attempt can succeed: the producer is then given up. */
  isHopeless(error: unknown): boolean;
  close(): Promise<void>;
}

interface Call {
  missing: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Queued {
  readonly record: RecordToAppend;
  readonly bytes: number;
  readonly call: Call;
}

/** Puts the calls of many in one line: one batch in flight, the same batch until it is acknowledged. */
export class SerialProducer implements EventLogProducer {
  /** By partition, in the order of the calls; the partition that waits longest comes first. */
  private readonly waiting = new Map<string, Queued[]>();
  private inFlight: Queued[] = [];
  private running: Promise<void> | undefined;
  private state: 'open' | 'draining' | 'closed' = 'open';
  private closing: Promise<void> | undefined;
  private readonly givenUp = new AbortController();
  private batches = 0;
  private bytes = 0;
  private records = 0;
  private failedAttempts = 0;

  constructor(
    private readonly sender: BatchSender,
    private readonly logger: Logger,
    private readonly onClosed: () => void = () => undefined,
    private readonly limits = { bytes: MAX_QUEUED_BYTES, records: MAX_QUEUED_RECORDS },
  ) {}

  get queuedBytes(): number {
    return this.bytes;
  }

  get queuedRecords(): number {
    return this.records;
  }

  /** Attempts that failed since the producer was opened. */
  get retries(): number {
    return this.failedAttempts;
  }

  append(records: readonly RecordToAppend[]): Promise<void> {
    if (this.state !== 'open') return Promise.reject(producerClosed());
    if (records.length === 0) return Promise.resolve();
    let sizes: number[];
    try {
      sizes = records.map(checkRecord);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (
      this.records > 0 &&
      (this.bytes + bytes > this.limits.bytes || this.records + records.length > this.limits.records)
    )
      return Promise.reject(producerFull(this.records, this.bytes));
    return new Promise((resolve, reject) => {
      const call: Call = { missing: records.length, resolve, reject };
      records.forEach((record, index) => this.enqueue({ record, bytes: sizes[index] as number, call }));
      this.running ??= this.pump();
    });
  }

  close(drainMs = 0): Promise<void> {
    this.closing ??= this.drainAndClose(drainMs);
    return this.closing;
  }

  private async drainAndClose(drainMs: number): Promise<void> {
    if (this.state === 'open') this.state = 'draining';
    if (drainMs > 0 && this.running !== undefined) {
      const limit = new AbortController();
      await Promise.race([
        this.running,
        sleep(drainMs, undefined, { signal: limit.signal }).catch((error: unknown) => {
          // Aborted because the queue was empty in time.
          if (!limit.signal.aborted) throw error;
        }),
      ]);
      limit.abort();
    }
    this.giveUp(undefined);
    await this.sender.close();
    await this.running;
    this.onClosed();
  }

  private enqueue(item: Queued): void {
    const key = partitionKey(item.record);
    const line = this.waiting.get(key);
    if (line === undefined) this.waiting.set(key, [item]);
    else line.push(item);
    this.bytes += item.bytes;
    this.records += 1;
  }

  private async pump(): Promise<void> {
    // The callers of this turn of the event loop share the first batch.
    await Promise.resolve();
    for (;;) {
      const items = this.takeBatch();
      const first = items[0];
      if (first === undefined) break;
      this.inFlight = items;
      const { topic, partition } = first.record;
      const batch = { number: this.batches, topic, partition, records: items.map((item) => item.record) };
      this.batches += 1;
      if (!(await this.sendUntilAcknowledged(batch))) break;
      this.inFlight = [];
      for (const { bytes, call } of items) {
        this.bytes -= bytes;
        this.records -= 1;
        call.missing -= 1;
        if (call.missing === 0) call.resolve();
      }
    }
    this.running = undefined;
  }

  /** False when the producer was given up meanwhile. */
  private async sendUntilAcknowledged(batch: Batch): Promise<boolean> {
    for (let attempt = 0; !this.isClosed(); attempt += 1) {
      try {
        await this.sender.send(batch, attempt);
        return !this.isClosed();
      } catch (error) {
        if (this.isClosed()) return false;
        if (this.sender.isHopeless(error)) {
          this.giveUp(error);
          return false;
        }
        this.failedAttempts += 1;
        const line = {
          topic: batch.topic,
          partition: batch.partition,
          attempt,
          error: messageOf(error),
        };
        if (attempt % 30 === 0)
          this.logger.warn(line, 'the event log did not take a batch, sending it again');
        await this.backOff(attempt);
      }
    }
    return false;
  }

  private async backOff(attempt: number): Promise<void> {
    const ms = Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(attempt, 10), LONGEST_BACKOFF_MS);
    await sleep(ms, undefined, { signal: this.givenUp.signal }).catch((error: unknown) => {
      if (!this.givenUp.signal.aborted) throw error;
    });
  }

  private takeBatch(): Queued[] {
    const next = this.waiting.entries().next();
    if (next.done === true || this.isClosed()) return [];
    const [key, line] = next.value;
    let count = 0;
    let bytes = 0;
    for (const item of line) {
      if (count === MAX_BATCH_RECORDS || (count > 0 && bytes + item.bytes > MAX_BATCH_BYTES)) break;
      count += 1;
      bytes += item.bytes;
    }
    // What is left goes to the end, so that a busy partition does not starve the others.
    this.waiting.delete(key);
    if (count < line.length) this.waiting.set(key, line.slice(count));
    return line.slice(0, count);
  }

  /** What was in flight may or may not be in the log; nobody here can know any more. */
  private giveUp(cause: unknown): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    if (cause !== undefined)
      this.logger.error({ error: messageOf(cause) }, 'the producer of the event log was given up');
    this.givenUp.abort();
    const calls = new Set<Call>();
    for (const item of [...this.inFlight, ...[...this.waiting.values()].flat()]) calls.add(item.call);
    this.waiting.clear();
    this.inFlight = [];
    this.bytes = 0;
    this.records = 0;
    for (const call of calls) call.reject(producerClosed(cause));
    void this.close().catch((error: unknown) =>
      this.logger.warn({ error: messageOf(error) }, 'closing the producer of the event log failed'),
    );
  }

  private isClosed(): boolean {
    return this.state === 'closed';
  }
}

const producerFull = (records: number, bytes: number): CodedError =>
  new CodedError(
    'PRODUCER_FULL',
    `the producer of the event log holds ${records} records of ${bytes} bytes that are not acknowledged`,
    { safeToRetry: true },
  );

const producerClosed = (cause?: unknown): CodedError =>
  new CodedError(
    'PRODUCER_CLOSED',
    cause === undefined
      ? 'the producer of the event log is closed'
      : `the producer of the event log was given up: ${messageOf(cause)}`,
    { cause },
  );
