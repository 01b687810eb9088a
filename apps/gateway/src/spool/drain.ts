import type { EventLogProducer, RecordToAppend } from '#libs/event-log/port.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import type { DrainedMark } from './checkpoint.js';
import { BATCH_BYTES, DrainReader } from './drain-reader.js';
import type { SegmentCatalog, SegmentEntry } from './segment-catalog.js';
import type { SpoolFiles } from './spool-files.js';
import { SEGMENT_HEADER_BYTES } from './spool-layout.js';
import type { SpoolOptions } from './spool-options.js';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;

/**
 * The least time from one batch that is not full to the next, in milliseconds. Under load batches grow
 * instead of becoming many: each is a commit in the event log and a transaction in the ledger, and those
 * keep the spool's own writes waiting for the disk. The first after a pause goes at once, and so does a
 * full one and whatever somebody waits for (`requests`).
 */
const PACE_MS = 100;

export interface DrainEvents {
  /** The event log has acknowledged these many events more, of these many bytes on disk. */
  drained(events: number, bytes: number): void;
  /** A segment cannot be read back or removed: the spool must stop. */
  damaged(error: CodedError): void;
}

/**
 * Moves durable events to the event log, in order, one batch in flight, at least once: after a crash
 * some go again, and their ids tell. Deletes each segment that is wholly in the event log. While the
 * log is away it tries again, for ever.
 */
export class Drain {
  private readonly reader: DrainReader;
  private producer: EventLogProducer | undefined;
  private mark: DrainedMark;
  private wakeUp: (() => void) | undefined;
  private hurry: (() => void) | undefined;
  private stopping = false;
  private stop: () => void = () => undefined;
  private readonly stopped = new Promise<void>((resolve) => {
    this.stop = resolve;
  });
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly files: SpoolFiles,
    private readonly catalog: SegmentCatalog,
    private readonly options: Pick<SpoolOptions, 'producerFactory' | 'logger' | 'metrics'>,
    private readonly events: DrainEvents,
    start: DrainedMark,
  ) {
    this.reader = new DrainReader(files);
    this.mark = start;
  }

  /** Everything before this is in the event log. */
  position(): DrainedMark {
    return this.mark;
  }

  start(): void {
    this.running = this.run();
  }

  /** Tells that more is durable, now `pendingBytes`; `urgent`: that somebody waits for it to arrive. */
  wake(urgent = false, pendingBytes = 0): void {
    this.wakeUp?.();
    if (urgent || pendingBytes >= BATCH_BYTES) this.hurry?.();
  }

  /** Stops; a batch in flight has `waitMs` to be acknowledged. */
  async end(waitMs: number): Promise<void> {
    this.stopping = true;
    this.stop();
    this.wake(true);
    await this.producer?.close(waitMs).catch((error: unknown) => this.closeFailed(error));
    await this.running;
    await this.reader.close();
  }

  private async run(): Promise<void> {
    try {
      while (!this.stopping) {
        const segment = await this.readable();
        if (segment === undefined) await this.sleep();
        else {
          const pace = this.pace();
          const full = await this.move(segment);
          if (full) this.hurry?.();
          await pace;
        }
      }
    } catch (error) {
      const coded =
        error instanceof CodedError
          ? error
          : new CodedError('SPOOL_DAMAGED', `cannot drain the spool: ${messageOf(error)}`, {
              cause: error,
            });
      this.events.damaged(coded);
    }
  }

  /** Resolves when the next batch may follow the one that begins now. */
  private pace(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PACE_MS);
      this.hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Moves one batch; true when more than that was there, so that the next need not wait. */
  private async move(segment: SegmentEntry): Promise<boolean> {
    const durable = segment.end;
    const batch = await this.reader.read(segment, this.mark.offset);
    if (batch.records.length > 0 && !(await this.deliver(batch.records))) return true;
    this.mark = {
      segment: segment.number,
      offset: batch.end,
      events: this.mark.events + batch.records.length,
      bytes: this.mark.bytes + batch.bytes,
    };
    if (batch.records.length > 0) this.events.drained(batch.records.length, batch.bytes);
    return batch.end < durable;
  }

  /** The segment with something durable behind the mark, passing over and deleting those without. */
  private async readable(): Promise<SegmentEntry | undefined> {
    for (;;) {
      const segment = this.catalog.find(this.mark.segment);
      if (segment === undefined) return undefined;
      if (this.mark.offset < segment.end) return segment;
      const next = this.catalog.after(segment.number);
      // The next one must hold its checkpoint before this one may go.
      if (next === undefined || next.end === SEGMENT_HEADER_BYTES) return undefined;
      this.mark = { ...this.mark, segment: next.number, offset: SEGMENT_HEADER_BYTES };
      this.catalog.dropOldest();
      await this.reader.close();
      await this.files.remove(segment.file);
    }
  }

  /** True once all are acknowledged; false when told to stop before. */
  private async deliver(records: readonly RecordToAppend[]): Promise<boolean> {
    for (let wait = FIRST_RETRY_MS; !this.stopping; wait = Math.min(wait * 2, LAST_RETRY_MS)) {
      try {
        const producer = (this.producer ??= await this.openProducer());
        if (producer === undefined) return false;
        await producer.append(records);
        return true;
      } catch (error) {
        if (this.stopping) return false;
        this.options.metrics?.drainFailed();
        this.options.logger.warn({ err: error, retryMs: wait }, 'the event log does not take events');
        // It is not known whether the batch was written: the producer is of no use any more.
        const failed = this.producer;
        this.producer = undefined;
        await failed?.close(0).catch((cause: unknown) => this.closeFailed(cause));
        await this.pause(wait);
      }
    }
    return false;
  }

  /** A new producer; undefined when told to stop before there is one. */
  private async openProducer(): Promise<EventLogProducer | undefined> {
    const opening = this.options.producerFactory();
    const producer = await Promise.race([opening, this.stopped]);
    if (producer === undefined)
      opening.then(
        (late) => late.close(0).catch((error: unknown) => this.closeFailed(error)),
        (error: unknown) => this.closeFailed(error),
      );
    return producer ?? undefined;
  }

  private closeFailed(error: unknown): void {
    this.options.logger.warn({ err: error }, 'a producer did not close cleanly');
  }

  private async sleep(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve;
      // What became durable between the look and this line would not wake us.
      if (this.stopping || this.hasMore()) resolve();
    });
    this.wakeUp = undefined;
  }

  private hasMore(): boolean {
    const segment = this.catalog.find(this.mark.segment);
    const next = segment && this.catalog.after(segment.number);
    return (
      segment !== undefined &&
      (this.mark.offset < segment.end || (next !== undefined && next.end > SEGMENT_HEADER_BYTES))
    );
  }

  private async pause(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const elapsed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds).unref();
    });
    await Promise.race([elapsed, this.stopped]);
    clearTimeout(timer);
  }
}
