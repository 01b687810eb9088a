import path from 'node:path';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import type { SegmentEntry } from './segment-catalog.js';
import { encodeSegmentHeader } from './segment-header.js';
import type { SpoolFiles } from './spool-files.js';
import { SEGMENT_HEADER_BYTES, segmentName } from './spool-layout.js';
import type { SpoolOptions } from './spool-options.js';

export interface ReadySegment extends SegmentEntry {
  readonly descriptor: number;
  readonly capacity: number;
}

type Taken = (segment: ReadySegment | undefined, error?: CodedError) => void;

const RETRY_MS = 1_000;

/**
 * Keeps the next segment preallocated, so that the writer never waits for one in ordinary times. Where
 * the disk has no room it says so and tries again every second; nothing written so far is harmed.
 */
export class SegmentSupply {
  private ready: ReadySegment | undefined;
  private waiting: Taken | undefined;
  private failure: CodedError | undefined;
  private work: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly files: SpoolFiles,
    private readonly options: Pick<SpoolOptions, 'folder' | 'tenant' | 'clock' | 'logger'>,
    private readonly producer: string,
    private readonly segmentBytes: number,
    private next: number,
  ) {
    this.prepare();
  }

  /** Why there is no next segment, when there is none. */
  get failing(): CodedError | undefined {
    return this.failure;
  }

  /** Hands out the next segment, at once where it is ready. One taker at a time. */
  take(taken: Taken): void {
    if (this.failure !== undefined) {
      taken(undefined, this.failure);
    } else if (this.ready === undefined) {
      this.waiting = taken;
    } else {
      const segment = this.ready;
      this.ready = undefined;
      this.prepare();
      taken(segment);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.work;
    if (this.ready !== undefined) await this.files.close(this.ready.descriptor);
    this.ready = undefined;
  }

  private prepare(): void {
    this.work = this.make().then(
      (segment) => {
        this.failure = undefined;
        this.ready = segment;
        this.next += 1;
        const taken = this.waiting;
        this.waiting = undefined;
        if (taken !== undefined && !this.closed) this.take(taken);
      },
      (error: unknown) => {
        this.failure = new CodedError(
          'SPOOL_FULL',
          `no room for the next segment of the spool: ${messageOf(error)}`,
          { cause: error, safeToRetry: true },
        );
        this.options.logger.error({ err: error }, 'cannot make the next segment of the spool');
        const taken = this.waiting;
        this.waiting = undefined;
        taken?.(undefined, this.failure);
        if (!this.closed) this.timer = setTimeout(() => this.prepare(), RETRY_MS).unref();
      },
    );
  }

  private async make(): Promise<ReadySegment> {
    const number = this.next;
    const file = path.join(this.options.folder, segmentName(number));
    const { tenant, clock } = this.options;
    const header = encodeSegmentHeader({
      segment: number,
      producer: this.producer,
      tenant,
      createdAt: clock.now(),
    });
    await this.files.createSegment(file, header, this.segmentBytes);
    const descriptor = await this.files.openForAppend(file);
    return { number, file, end: SEGMENT_HEADER_BYTES, descriptor, capacity: this.segmentBytes };
  }
}
