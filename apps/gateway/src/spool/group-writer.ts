import type { Clock } from '#libs/kernel/clock.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import type { EventEncoder } from './event-encoder.js';
import { sealGroup } from './group-codec.js';
import { PendingGroup, type Durable } from './pending-group.js';
import type { ReadySegment, SegmentSupply } from './segment-supply.js';
import type { Sequences } from './sequences.js';
import type { SpoolFiles } from './spool-files.js';
import { aligned } from './spool-layout.js';
import type { DraftEvent } from './spool.js';

/** A group takes no further append once it has this many bytes; what comes then goes into the next. */
const GROUP_TARGET_BYTES = 1 << 20;
const FIRST_BUFFER_BYTES = 64 << 10;
const SPARE_BUFFERS = 4;

/**
 * How long events that nobody waits for may gather, in milliseconds. A write of their own would keep the
 * next intent waiting for the disk; this way they mostly travel with it.
 */
const PATIENCE_MS = 5;

export interface WriterEvents {
  /** A segment begins; returns the checkpoint of all before it, given the sequences at its start. */
  segmentBegun(segment: ReadySegment, sequences: readonly number[]): Buffer;
  /** A group is on the disk; called before those who wait for it are told. */
  groupDurable(group: PendingGroup, bytes: number, milliseconds: number): void;
  /** Nothing is recorded any more. Called once. */
  broken(error: CodedError): void;
  /** Events that were accepted were never written; those who wait are told why. */
  dropped(group: PendingGroup): void;
}

/**
 * The one writer: takes all that is pending, makes it durable with one write, tells all who wait, in
 * order. Appends that arrive meanwhile gather in the next group.
 */
export class GroupWriter {
  private readonly queue: PendingGroup[] = [];
  private readonly spare: Buffer[] = [];
  private current: ReadySegment | undefined;
  private groupsInSegment = 0;
  private busy = false;
  private scheduled = false;
  private patience: NodeJS.Timeout | undefined;
  private failure: CodedError | undefined;
  private whenIdle: (() => void) | undefined;

  constructor(
    private readonly files: SpoolFiles,
    private readonly supply: SegmentSupply,
    private readonly encoder: EventEncoder,
    private readonly sequences: Sequences,
    private readonly clock: Clock,
    private readonly events: WriterEvents,
  ) {}

  /**
   * The bytes that the events took in their group, or why they were not accepted. Starts a write soon:
   * at once where somebody waits for it, else within PATIENCE_MS.
   */
  append(drafts: readonly DraftEvent[], durable: Durable, awaited = true): number | CodedError {
    if (this.failure !== undefined) return this.failure;
    const group = this.gathering();
    const before = group.eventBytes;
    const refused = group.add(drafts, durable, this.encoder, this.sequences);
    if (refused !== undefined) return refused;
    if (awaited) group.awaited = true;
    this.schedule();
    return group.eventBytes - before;
  }

  /** Adds a record of the spool's own; nobody waits for it. */
  appendOwn(kind: 'checkpoint' | 'drained', value: Buffer): void {
    if (this.failure !== undefined) return;
    this.gathering().addOwn(kind, value);
    this.schedule();
  }

  /** Begins the first segment now; resolves when its checkpoint is durable. */
  begin(): Promise<void> {
    return new Promise((resolve, reject) => {
      const group = this.gathering();
      group.waiting.push((error) => (error === undefined ? resolve() : reject(error)));
      group.awaited = true;
      this.schedule();
    });
  }

  /** Fails everything now and later with this error. */
  breakForGood(error: CodedError): void {
    if (this.failure === undefined) {
      this.failure = error;
      this.events.broken(error);
    }
    // Also where something else broke first: whoever waits is told.
    this.dropQueue(this.failure);
  }

  /** Resolves when nothing is pending; call when no append can come any more. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.whenIdle = resolve;
      this.next();
    });
  }

  async close(): Promise<void> {
    if (this.current !== undefined) await this.files.close(this.current.descriptor);
    this.current = undefined;
  }

  private gathering(): PendingGroup {
    const last = this.queue.at(-1);
    if (last !== undefined && last.end < GROUP_TARGET_BYTES) return last;
    const buffer = this.spare.pop() ?? Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES);
    const group = new PendingGroup(buffer, this.sequences.snapshot());
    this.queue.push(group);
    return group;
  }

  /**
   * After this turn of the event loop, so that everything its sockets brought goes into one group: a
   * write started by the first append would leave the others waiting for the next.
   */
  private schedule(): void {
    if (this.busy || this.scheduled) return;
    if (!this.pressing()) {
      this.patience ??= setTimeout(() => this.next(), PATIENCE_MS);
      return;
    }
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.next();
    });
  }

  /** Whether the next write should not wait for more to gather. */
  private pressing(): boolean {
    return this.whenIdle !== undefined || this.queue.length > 1 || this.queue[0]?.awaited === true;
  }

  private next(): void {
    const group = this.queue[0];
    if (this.busy || this.failure !== undefined || group === undefined) return this.tellIdle();
    const { current } = this;
    if (group.records === 0 && current !== undefined) return this.skipFirst();
    this.busy = true;
    clearTimeout(this.patience);
    this.patience = undefined;
    const fits = current !== undefined && current.end + aligned(group.end) <= current.capacity;
    // A group larger than a whole segment goes alone behind the checkpoint; the file grows.
    if (fits || (current !== undefined && this.groupsInSegment === 1)) this.writeFirst(current);
    else this.supply.take((segment, error) => this.roll(segment, error));
  }

  /** Nothing to write, and all before it is durable. */
  private skipFirst(): void {
    const group = this.queue.shift() as PendingGroup;
    tell(group.waiting);
    this.next();
  }

  private roll(segment: ReadySegment | undefined, error: CodedError | undefined): void {
    if (segment === undefined || this.failure !== undefined) {
      this.busy = false;
      this.dropQueue(this.failure ?? error ?? new CodedError('SPOOL_FULL', 'no next segment'));
      if (segment !== undefined) this.closeOld(segment);
      return this.tellIdle();
    }
    if (this.current !== undefined) this.closeOld(this.current);
    this.current = segment;
    this.groupsInSegment = 0;
    const before = this.queue[0]?.sequencesBefore ?? this.sequences.snapshot();
    const checkpoint = new PendingGroup(Buffer.allocUnsafeSlow(4096), before);
    checkpoint.addOwn('checkpoint', this.events.segmentBegun(segment, before));
    this.queue.unshift(checkpoint);
    this.writeFirst(segment);
  }

  private closeOld(segment: ReadySegment): void {
    this.files
      .close(segment.descriptor)
      .catch((cause: unknown) => this.breakForGood(cannotRecord('close a segment', cause)));
  }

  private writeFirst(segment: ReadySegment): void {
    const group = this.queue.shift() as PendingGroup;
    const offset = segment.end;
    const bytes = sealGroup(group.buffer, group.end, group.records, { segment: segment.number, offset });
    const started = this.clock.monotonic();
    this.files.writeDurably(segment.descriptor, group.buffer, bytes, offset, (error) => {
      this.busy = false;
      if (error !== null) return this.failed(group, cannotRecord('write to the spool', error));
      segment.end = offset + bytes;
      this.groupsInSegment += 1;
      this.events.groupDurable(group, bytes, this.clock.monotonic() - started);
      // The disk works on the next group while those who waited for this one are told.
      if (this.pressing()) this.next();
      else if (this.queue.length > 0) this.schedule();
      tell(group.waiting);
      if (this.spare.length < SPARE_BUFFERS && group.buffer.length <= 2 * GROUP_TARGET_BYTES)
        this.spare.push(group.buffer);
    });
  }

  private failed(group: PendingGroup, error: CodedError): void {
    this.queue.unshift(group);
    this.breakForGood(error);
    this.tellIdle();
  }

  /** None of the queued groups was written whole: their sequences are free again. */
  private dropQueue(error: CodedError): void {
    const first = this.queue[0];
    if (first === undefined) return;
    this.sequences.restore(first.sequencesBefore);
    for (const group of this.queue.splice(0)) {
      this.events.dropped(group);
      tell(group.waiting, error);
    }
  }

  private tellIdle(): void {
    if (this.busy || (this.queue.length > 0 && this.failure === undefined)) return;
    this.whenIdle?.();
    this.whenIdle = undefined;
  }
}

const cannotRecord = (what: string, cause: unknown): CodedError =>
  new CodedError('SPOOL_BROKEN', `cannot ${what}: ${messageOf(cause)}; nothing more is recorded`, { cause });

/** One who throws must not keep the others from being told: a bug, raised where it is seen. */
function tell(waiting: readonly Durable[], error?: CodedError): void {
  for (const durable of waiting)
    try {
      durable(error);
    } catch (thrown) {
      setImmediate(() => {
        throw thrown;
      });
    }
}
