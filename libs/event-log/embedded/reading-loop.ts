import type { Logger } from 'pino';
import { messageOf } from '#libs/kernel/coded-error.js';
import { PartitionProgress } from '../partition-progress.js';
import type { LogRecord, PartitionFigures, TopicPartition } from '../port.js';
import { fatalReadError, type ReadRecords } from './log-queries.js';
import type { PartitionPoll } from './partition-poll.js';
import { WakeUp } from './wake-up.js';

/** Rings come from notifications and from the poll that all loops share; this is for nothing at all. */
const FALLBACK_MS = 30_000;
const PAUSE_MS = 300;

/** A batch of so many says that many come. */
const GATHER_AFTER = 50;

/** What a loop does with its partition: where it stands, and what becomes of what was read. */
export interface ReadingPosition {
  /** The next offset to read. Asked for whenever it is not known; a rejection is tried again. */
  begin(): Promise<bigint>;
  /**
   * Takes records in offset order. True: go on behind them. False or a rejection: the position is no
   * longer known, pause and begin again.
   */
  take(records: readonly LogRecord[]): Promise<boolean>;
}

/**
 * Reads one partition of the embedded log from a position on, one batch at a time. Where more is waiting, the
 * next batch is read while one is being taken: two of them are in memory at the most.
 */
export class ReadingLoop {
  private readonly wakeUp = new WakeUp();
  private stopping = false;
  private position: bigint | undefined;
  /** Under way since the last batch was given out: what follows it. Worth nothing once that was not taken. */
  private ahead: Promise<ReadRecords> | undefined;
  private readonly progress: PartitionProgress;
  /** Resolves when nothing of it runs any more. */
  readonly ended: Promise<void>;

  constructor(
    private readonly options: {
      readonly at: TopicPartition;
      readonly position: ReadingPosition;
      readonly read: (at: TopicPartition, from: bigint) => Promise<ReadRecords>;
      readonly poll: PartitionPoll;
      /** As the port says of a group. */
      readonly gatherMs?: number;
      readonly onFatal: (error: Error) => void;
      readonly logger: Logger;
    },
  ) {
    this.progress = new PartitionProgress(options.at, Date.now);
    const unwatch = options.poll.watch(options.at, ({ first, next }) => {
      this.progress.looked(next);
      // Beyond either end reading says what is wrong.
      if (this.position !== undefined && (this.position !== next || this.position < first)) this.ring();
    });
    this.ended = this.run().finally(unwatch);
  }

  figures(): PartitionFigures {
    return this.progress.figures();
  }

  /** The next offset it reads; undefined while it does not know. */
  get next(): bigint | undefined {
    return this.position;
  }

  /** There may be new records. */
  ring(): void {
    this.wakeUp.ring();
  }

  stop(): Promise<void> {
    this.stopping = true;
    this.wakeUp.ring();
    return this.ended;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.step();
      } catch (error) {
        const fatal = fatalReadError(error, this.options.at);
        if (fatal !== undefined) {
          this.options.onFatal(fatal);
          return;
        }
        this.options.logger.warn(
          { ...this.options.at, error: messageOf(error) },
          'reading the event log paused',
        );
        await this.pause();
      }
    }
  }

  private async step(): Promise<void> {
    const { at, position, read } = this.options;
    if (this.position === undefined) {
      this.position = await position.begin();
      this.progress.stands(this.position);
    }
    if (this.stopping) return;
    const lookedAt = performance.now();
    const reading = this.ahead ?? read(at, this.position);
    this.ahead = undefined;
    const { records, more } = await reading;
    const last = records.at(-1);
    if (last === undefined) return this.wakeUp.sleep(FALLBACK_MS);
    if (this.stopping) return;
    let taken = false;
    const ahead = more ? read(at, last.offset + 1n) : undefined;
    // Its failure is met where it is waited for; dropped, it concerns nobody.
    ahead?.catch(() => undefined);
    this.progress.delivering((records[0] as LogRecord).appendedAt);
    try {
      taken = await position.take(records);
    } finally {
      this.position = taken ? last.offset + 1n : undefined;
      if (this.position !== undefined) {
        this.progress.stands(this.position);
        this.ahead = ahead;
      }
    }
    if (!taken) await this.pause();
    // What was appended since that look has rung.
    else if (!more) {
      await this.wakeUp.sleep(FALLBACK_MS);
      if (records.length >= GATHER_AFTER) await this.idleUntil(lookedAt + (this.options.gatherMs ?? 0));
    }
  }

  private pause(): Promise<void> {
    return this.idleUntil(performance.now() + PAUSE_MS);
  }

  /** A ring does not shorten it, only stop does. */
  private async idleUntil(time: number): Promise<void> {
    while (!this.stopping && performance.now() < time) await this.wakeUp.sleep(time - performance.now());
  }
}
