import { CodedError } from '#libs/kernel/coded-error.js';
import type { Closing } from './closing-events.js';
import { encodeCheckpoint, encodeDrainedMark, type DrainedMark, type Totals } from './checkpoint.js';
import { Drain } from './drain.js';
import { EventEncoder } from './event-encoder.js';
import { LogWaiters, REPLICATION_LIMIT_MS } from './log-waiters.js';
import { GroupWriter } from './group-writer.js';
import type { OpenItems } from './open-items.js';
import type { Durable, PendingGroup } from './pending-group.js';
import { SegmentCatalog, type SegmentEntry } from './segment-catalog.js';
import { SegmentSupply, type ReadySegment } from './segment-supply.js';
import { sequenceEntries, type Sequences } from './sequences.js';
import type { SpoolFiles } from './spool-files.js';
import type { SpoolLock } from './spool-lock.js';
import type { SpoolOptions } from './spool-options.js';
import { endsOnly, isHistory, roomFor, type Room } from './spool-room.js';
import type { DraftEvent, Spool, SpoolState } from './spool.js';

/** How long a drained place may stay unrecorded: as much goes to the event log again after a crash. */
const MARK_AFTER_MS = 1_000;

/** What a spool starts from: read from the disk, or empty. */
export interface SpoolStart {
  readonly producer: string;
  readonly segments: SegmentEntry[];
  readonly nextSegment: number;
  readonly sequences: Sequences;
  readonly open: OpenItems;
  readonly appended: Totals;
  readonly drained: DrainedMark;
}

/** The spool of one process: joins admission, the one writer and the drain. */
export class DurableSpool implements Spool {
  private readonly catalog: SegmentCatalog;
  private readonly supply: SegmentSupply;
  private readonly writer: GroupWriter;
  private readonly drain: Drain;
  private readonly room: Room;
  private readonly logWaiters: LogWaiters;
  /** Durable events, and those accepted on top of them, since the spool was made. */
  private durable: Totals;
  private accepted: { events: number; bytes: number };
  private broken: CodedError | undefined;
  private closed: Promise<void> | undefined;
  private markTimer: NodeJS.Timeout | undefined;
  private markedEvents: number;
  private tellDrained: (() => void) | undefined;

  constructor(
    private readonly options: SpoolOptions,
    files: SpoolFiles,
    private readonly lock: SpoolLock,
    private readonly start: SpoolStart,
    bounds: { readonly maxBytes: number; readonly segmentBytes: number },
  ) {
    const { producer, segments, nextSegment, sequences } = start;
    this.durable = start.appended;
    this.accepted = { ...start.appended };
    this.markedEvents = start.drained.events;
    this.room = roomFor(bounds.maxBytes);
    this.logWaiters = new LogWaiters(options.clock, options.replicationLimitMs ?? REPLICATION_LIMIT_MS);
    this.catalog = new SegmentCatalog(segments);
    this.supply = new SegmentSupply(files, options, producer, bounds.segmentBytes, nextSegment);
    const encoder = new EventEncoder(producer, options.tenant, options.signingKey);
    this.writer = new GroupWriter(files, this.supply, encoder, sequences, options.clock, {
      segmentBegun: (segment, before) => this.segmentBegun(segment, before),
      groupDurable: (group, bytes, milliseconds) => this.groupDurable(group, bytes, milliseconds),
      broken: (error) => this.breaks(error),
      dropped: (group) => this.dropped(group),
    });
    this.drain = new Drain(
      files,
      this.catalog,
      options,
      {
        drained: (events) => this.eventsDrained(events),
        damaged: (error) => this.writer.breakForGood(error),
      },
      start.drained,
    );
  }

  /** Begins a new segment and ends in it what the last process left open; durable when it resolves. */
  async begin(closings: readonly Closing[]): Promise<void> {
    await this.writer.begin();
    // Admission does not apply: a spool that is full must open, or it could never drain.
    await Promise.all(closings.map(({ events }) => this.record(events)));
  }

  startDrain(): void {
    this.drain.start();
  }

  append(events: readonly DraftEvent[], durable: Durable, until: 'disk' | 'log' = 'disk'): void {
    const then: Durable = until === 'disk' ? durable : (error) => this.awaitLog(goal, durable, error);
    const bytes = this.refusal(events) ?? this.writer.append(events, then, !isHistory(events));
    if (typeof bytes === 'number') this.count(events.length, bytes);
    else process.nextTick(durable, bytes);
    // Assigned before `then` can be called: never before append returns.
    const goal = this.accepted.events;
  }

  private awaitLog(goal: number, durable: Durable, error: CodedError | undefined): void {
    if (error !== undefined) return durable(error);
    if (this.broken !== undefined) return durable(this.broken);
    this.logWaiters.add(goal, durable);
    this.logWaiters.drained(this.drain.position().events);
    this.drain.wake(true);
  }

  state(): SpoolState {
    const drained = this.drain.position();
    return {
      producer: this.start.producer,
      pendingBytes: this.accepted.bytes - drained.bytes,
      undrainedRecords: this.accepted.events - drained.events,
      broken: this.broken,
    };
  }

  close(drainMs: number): Promise<void> {
    this.closed ??= this.shutDown(drainMs);
    return this.closed;
  }

  /** Lets go of everything without draining; for a spool that could not begin. */
  async abandon(): Promise<void> {
    await this.supply.close();
    await this.writer.close();
    await this.lock.release();
  }

  private async shutDown(drainMs: number): Promise<void> {
    const deadline = this.options.clock.monotonic() + drainMs;
    await this.writer.idle();
    await this.untilDrained(deadline - this.options.clock.monotonic());
    clearTimeout(this.markTimer);
    this.logWaiters.fail(refused('SPOOL_CLOSED', 'the gateway is stopping'));
    await this.drain.end(Math.max(0, deadline - this.options.clock.monotonic()));
    this.writeMark();
    await this.writer.idle();
    await this.abandon();
  }

  private refusal(events: readonly DraftEvent[]): CodedError | undefined {
    if (this.broken !== undefined) return this.broken;
    if (this.closed !== undefined) return refused('SPOOL_CLOSED', 'the gateway is stopping');
    const closing = endsOnly(events);
    if (!closing && this.supply.failing !== undefined) return this.supply.failing;
    const pending = this.accepted.bytes - this.drain.position().bytes;
    if (pending < (closing ? this.room.closings : this.room.ordinary)) return undefined;
    return refused('SPOOL_FULL', `${pending} bytes wait for the event log, and the spool takes no more`);
  }

  private record(events: readonly DraftEvent[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const bytes = this.writer.append(events, (error) => (error === undefined ? resolve() : reject(error)));
      if (typeof bytes === 'number') this.count(events.length, bytes);
      else reject(bytes);
    });
  }

  private count(events: number, bytes: number): void {
    this.accepted.events += events;
    this.accepted.bytes += bytes;
  }

  private segmentBegun(segment: ReadySegment, before: readonly number[]): Buffer {
    this.catalog.add(segment);
    return encodeCheckpoint({
      sequences: sequenceEntries(before),
      appended: this.durable,
      drained: this.drain.position(),
      open: this.start.open.snapshot(),
    });
  }

  private groupDurable(group: PendingGroup, bytes: number, milliseconds: number): void {
    const { events, bytes: eventBytes } = this.durable;
    this.durable = { events: events + group.drafts.length, bytes: eventBytes + group.eventBytes };
    for (const draft of group.drafts) this.start.open.observe(draft.event);
    this.options.metrics?.groupWritten(group.drafts.length, bytes, milliseconds);
    const pending = this.durable.bytes - this.drain.position().bytes;
    this.drain.wake(
      group.drafts.some((draft) => draft.topic === 'requests'),
      pending,
    );
  }

  private dropped(group: PendingGroup): void {
    this.count(-group.drafts.length, -group.eventBytes);
  }

  private breaks(error: CodedError): void {
    this.broken = error;
    this.logWaiters.fail(error);
    this.options.logger.error({ err: error }, 'the spool is broken: nothing more is recorded or run');
  }

  private eventsDrained(events: number): void {
    this.options.metrics?.drained(events);
    this.logWaiters.drained(this.drain.position().events);
    if (this.accepted.events === this.drain.position().events) this.tellDrained?.();
    this.markTimer ??= setTimeout(() => {
      this.markTimer = undefined;
      this.writeMark();
    }, MARK_AFTER_MS).unref();
  }

  private writeMark(): void {
    const mark = this.drain.position();
    if (mark.events === this.markedEvents) return;
    this.markedEvents = mark.events;
    this.writer.appendOwn('drained', encodeDrainedMark(mark));
  }

  private async untilDrained(milliseconds: number): Promise<void> {
    if (this.accepted.events === this.drain.position().events || milliseconds <= 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.tellDrained = resolve;
      timer = setTimeout(resolve, milliseconds);
    });
    clearTimeout(timer);
  }
}

const refused = (code: string, message: string): CodedError =>
  new CodedError(code, message, { safeToRetry: true });
