import type { CodedError } from '#libs/kernel/coded-error.js';
import { writeReadyForQuery } from '#libs/pg-wire/ready-for-query.js';
import { notRecorded } from '../enforcement/refusals.js';
import type { DraftEvent, Spool } from '../spool/spool.js';
import { fillerFor } from './filler.js';
import { refusalResponse, type Refusal } from './refusal.js';
import type { Run } from './run.js';
import type { SessionState } from './session-state.js';
import type { Slot } from './slot.js';

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
}

const newBatch = (): Batch => ({ items: [], drafts: [], bytes: 0, durable: false });

/** Up to here a burst is copied into one write. */
const COPIED_BYTES = 65_536;

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
  ) {}

  record(drafts: readonly DraftEvent[]): void {
    for (const draft of drafts) this.open.drafts.push(draft);
  }

  recordOne(draft: DraftEvent): void {
    this.open.drafts.push(draft);
  }

  send(bytes: Buffer, slot?: Slot): void {
    if (slot !== undefined) this.state.slots.push(slot);
    this.open.items.push({ bytes, slot, answer: undefined });
    this.open.bytes += bytes.length;
  }

  /** Answers a Query ourselves; only where nothing is under way, so that no order is lost. */
  answer(error: Buffer): void {
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
    this.waiting.push(batch);
    this.waitingBytes += batch.bytes;
    if (batch.drafts.length === 0) {
      batch.durable = true;
      this.release();
      return;
    }
    this.spool.append(batch.drafts, (error) => {
      if (error !== undefined) this.refuse(batch, error);
      batch.durable = true;
      this.release();
    });
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
    if (parts.length === 1) this.writeToTarget(parts[0] as Buffer);
    else if (bytes > 0 && bytes <= COPIED_BYTES) this.writeToTarget(Buffer.concat(parts, bytes));
    else for (const part of parts) this.writeToTarget(part);
    this.advanced();
  }
}
