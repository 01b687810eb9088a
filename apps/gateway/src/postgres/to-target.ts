import type { CodedError } from '#libs/kernel/coded-error.js';
import { writeReadyForQuery } from '#libs/pg-wire/ready-for-query.js';
import { notRecorded } from '../enforcement/refusals.js';
import type { DraftEvent, Spool } from '../spool/spool.js';
import { fillerFor } from './filler.js';
import { refusalResponse, type Refusal } from './refusal.js';
import type { Run } from './run.js';
import type { SessionState } from './session-state.js';
import { SlotKind, type Slot } from './slot.js';

interface Item {
  /** For the target; undefined for what only the client gets. */
  readonly bytes: Buffer | undefined;
  readonly slot: Slot | undefined;
  /** An answer of our own to the client, in place of anything at the target. */
  readonly answer: Buffer | undefined;
}

interface Batch {
  items: Item[];
  drafts: DraftEvent[];
  bytes: number;
  durable: boolean;
  /** All of it may be with the target before it is durable: see Overlap. */
  overlaps: boolean;
  /** It is with the target. */
  early: boolean;
  /** What the client gets in the place of an early batch's answers. */
  refused?: Buffer;
}

const newBatch = (): Batch => ({
  items: [],
  drafts: [],
  bytes: 0,
  durable: false,
  overlaps: true,
  early: false,
});

/** What keeps answers from the client until what they answer is recorded. */
export interface Overlap {
  /** From here on nothing leaves. */
  close(): void;
  /** What was kept leaves, and all that follows. */
  open(): void;
  /** What was kept is dropped, and so is all that comes until `open`. */
  discard(): void;
}

const endsSeries = ({ kind }: Slot): boolean => kind === SlotKind.Query || kind === SlotKind.Sync;

/** Up to here a burst is copied into one write. */
const COPIED_BYTES = 65_536;

/** A burst as one piece: without a copy where it lies in one piece already; undefined where it is too long. */
function asOne(parts: readonly Buffer[], bytes: number): Buffer | undefined {
  const first = parts[0] as Buffer;
  let end = first.byteOffset;
  for (const part of parts) {
    if (part.buffer !== first.buffer || part.byteOffset !== end)
      return bytes <= COPIED_BYTES ? Buffer.concat(parts, bytes) : undefined;
    end += part.length;
  }
  return Buffer.from(first.buffer, first.byteOffset, bytes);
}

/**
 * The way to the target. Messages gather in a batch with the events that must be durable before them; a
 * batch goes out whole, in order, and only when its events and those of every batch before it are on the
 * disk. A batch that cannot be recorded does not go out: what needed the record fails, in its place.
 */
export class ToTarget {
  private open = newBatch();
  private readonly waiting: Batch[] = [];
  private waitingBytes = 0;
  private stopped = false;

  constructor(
    private readonly spool: Pick<Spool, 'append'>,
    private readonly state: SessionState,
    private readonly writeToTarget: (bytes: Buffer) => void,
    private readonly writeToClient: (bytes: Buffer) => void,
    /** Something went out or fell away. */
    private readonly advanced: () => void,
    /** A run whose intent is recorded must not run all the same. */
    private readonly notRun: (run: Run, refusal: Refusal) => void = () => undefined,
    /** With recording: overlapped. */
    private readonly overlap?: Overlap,
  ) {}

  record(drafts: readonly DraftEvent[]): void {
    for (const draft of drafts) this.open.drafts.push(draft);
  }

  recordOne(draft: DraftEvent): void {
    this.open.drafts.push(draft);
  }

  /** `overlaps`: it is part of what is proven to read and do nothing else. */
  send(bytes: Buffer, slot?: Slot, overlaps = false): void {
    const { open, state } = this;
    // Only what begins and ends outside a transaction, with nothing else under way.
    if (!overlaps || (open.items.length === 0 && (state.insideTransaction || state.seriesOpen)))
      open.overlaps = false;
    if (slot !== undefined) state.slots.push(slot);
    open.items.push({ bytes, slot, answer: undefined });
    open.bytes += bytes.length;
  }

  /** Answers a Query ourselves; only where nothing is under way, so that no order is lost. */
  answer(error: Buffer): void {
    this.open.overlaps = false;
    this.open.items.push({ bytes: undefined, slot: undefined, answer: error });
  }

  /** Nothing waits here. */
  get idle(): boolean {
    return this.waiting.length === 0 && this.open.items.length === 0;
  }

  get backlogBytes(): number {
    return this.waitingBytes + this.open.bytes;
  }

  /** Ends the burst: what has gathered goes out as soon as it may. */
  commit(): void {
    const batch = this.open;
    if (batch.items.length === 0 && batch.drafts.length === 0) return;
    this.open = newBatch();
    batch.early = batch.overlaps && this.mayGoEarly(batch);
    this.waiting.push(batch);
    this.waitingBytes += batch.bytes;
    if (batch.drafts.length === 0) {
      batch.durable = true;
      this.release();
      return;
    }
    this.spool.append(batch.drafts, (error) => {
      if (batch.early) return this.recordedLate(batch, error);
      if (error !== undefined) this.refuse(batch, error);
      batch.durable = true;
      this.release();
    });
    if (batch.early) this.sendEarly(batch);
  }

  /** To be called when the target has answered: an early batch that could not be recorded ends with its answer. */
  answered(): void {
    const [batch] = this.waiting;
    if (batch?.refused === undefined || this.state.slots.length > 0) return;
    this.overlap?.open();
    for (const { slot } of batch.items) {
      if (slot === undefined || !endsSeries(slot)) continue;
      this.writeToClient(batch.refused);
      this.writeToClient(writeReadyForQuery(this.state.status));
    }
    batch.durable = true;
    this.release();
  }

  /** One at a time, and whole series: each of them can be answered by an error of ours in its place. */
  private mayGoEarly(batch: Batch): boolean {
    if (this.overlap === undefined || batch.drafts.length === 0 || this.waiting.length > 0) return false;
    const slots = batch.items.filter(({ slot }) => slot !== undefined);
    const last = slots.at(-1)?.slot;
    return last !== undefined && endsSeries(last) && slots.length === this.state.slots.length;
  }

  private sendEarly(batch: Batch): void {
    this.overlap?.close();
    for (const { slot } of batch.items) if (slot !== undefined) slot.sent = true;
    this.writeToTarget(Buffer.concat(batch.items.map(({ bytes }) => bytes as Buffer)));
  }

  /** Only now may its answer leave; if it cannot be recorded, never. */
  private recordedLate(batch: Batch, error: CodedError | undefined): void {
    if (error === undefined) {
      batch.durable = true;
      this.overlap?.open();
      return this.release();
    }
    for (const { slot } of batch.items) if (slot?.run !== undefined) slot.run.recorded = false;
    batch.refused = refusalResponse(notRecorded(error));
    this.overlap?.discard();
    this.answered();
  }

  /** Nothing more goes out; what waits is dropped. */
  stop(): void {
    this.stopped = true;
    this.waiting.length = 0;
    this.waitingBytes = 0;
    this.open = newBatch();
  }

  private refuse(batch: Batch, error: CodedError): void {
    const refusal = notRecorded(error);
    const response = refusalResponse(refusal);
    batch.items = batch.items.map((item) => {
      if (item.answer !== undefined) return { ...item, answer: response };
      const { slot } = item;
      if (slot?.recorded === true) {
        slot.refusal = response;
        if (slot.run !== undefined) {
          if (error.code === 'NOT_REPLICATED') this.notRun(slot.run, refusal);
          else slot.run.recorded = false;
        }
      }
      return item;
    });
  }

  private release(): void {
    if (this.stopped) return;
    const parts: Buffer[] = [];
    let bytes = 0;
    while (this.waiting[0]?.durable === true) {
      const batch = this.waiting.shift() as Batch;
      this.waitingBytes -= batch.bytes;
      if (batch.early) continue;
      for (const { bytes: own, slot, answer } of batch.items) {
        if (answer !== undefined) {
          this.writeToClient(answer);
          this.writeToClient(writeReadyForQuery(this.state.status));
        }
        if (own === undefined) continue;
        if (slot !== undefined) slot.sent = true;
        const out = slot?.refusal === undefined ? own : fillerFor(slot.kind);
        parts.push(out);
        bytes += out.length;
      }
    }
    const whole = parts.length > 1 ? asOne(parts, bytes) : parts[0];
    if (whole !== undefined) this.writeToTarget(whole);
    else for (const part of parts) this.writeToTarget(part);
    this.advanced();
  }
}
