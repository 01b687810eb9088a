import type { Logger } from 'pino';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { LogRecord, TopicPartition } from '../port.js';
import { fatalReadError } from './log-queries.js';
import { WakeUp } from './wake-up.js';

const POLL_MS = 500;
const PAUSE_MS = 300;

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

/** Reads one partition of the embedded log from a position on, one batch at a time. */
export class ReadingLoop {
  private readonly wakeUp = new WakeUp();
  private stopping = false;
  private position: bigint | undefined;
  /** Resolves when nothing of it runs any more. */
  readonly ended: Promise<void>;

  constructor(
    private readonly options: {
      readonly at: TopicPartition;
      readonly position: ReadingPosition;
      readonly read: (at: TopicPartition, from: bigint) => Promise<LogRecord[]>;
      readonly onFatal: (error: Error) => void;
      readonly logger: Logger;
    },
  ) {
    this.ended = this.run();
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
    this.position ??= await position.begin();
    if (this.stopping) return;
    const records = await read(at, this.position);
    const last = records.at(-1);
    if (last === undefined) return this.wakeUp.sleep(POLL_MS);
    if (this.stopping) return;
    let taken = false;
    try {
      taken = await position.take(records);
    } finally {
      this.position = taken ? last.offset + 1n : undefined;
    }
    if (!taken) await this.pause();
  }

  /** A ring does not shorten it, only stop does. */
  private async pause(): Promise<void> {
    const until = performance.now() + PAUSE_MS;
    while (!this.stopping && performance.now() < until) await this.wakeUp.sleep(until - performance.now());
  }
}
