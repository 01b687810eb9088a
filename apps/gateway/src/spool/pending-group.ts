import { MAX_RECORD_BYTES } from '#libs/contracts/topics.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import type { EventEncoder } from './event-encoder.js';
import { recordBytes, writeEventRecord, writeOwnRecord } from './record-codec.js';
import type { Sequences } from './sequences.js';
import { aligned, GROUP_HEADER_BYTES } from './spool-layout.js';
import type { DraftEvent } from './spool.js';

export type Durable = (error?: CodedError) => void;

/** The records that will go to the disk in one write, and who waits for them. */
export class PendingGroup {
  /** Where the records end in the buffer; the header's place stands before them. */
  end = GROUP_HEADER_BYTES;
  records = 0;
  eventBytes = 0;
  /** In the order of their records. */
  readonly drafts: DraftEvent[] = [];
  readonly waiting: Durable[] = [];
  /** Somebody goes on only once this group is durable. */
  awaited = false;

  constructor(
    public buffer: Buffer,
    /** The sequences before this group's first event: what to go back to when it is never written. */
    readonly sequencesBefore: readonly number[],
  ) {}

  /** Adds all events of one append, or none: then it returns why. */
  add(
    drafts: readonly DraftEvent[],
    durable: Durable,
    encoder: EventEncoder,
    sequences: Sequences,
  ): CodedError | undefined {
    const { end, records } = this;
    let taken = 0;
    try {
      for (const draft of drafts) {
        this.addEvent(draft, encoder, sequences);
        taken += 1;
      }
    } catch (error) {
      for (const draft of drafts.slice(0, taken)) sequences.giveBack(draft.topic, draft.key);
      this.end = end;
      this.records = records;
      if (error instanceof CodedError) return error;
      throw error;
    }
    this.eventBytes += this.end - end;
    for (const draft of drafts) this.drafts.push(draft);
    this.waiting.push(durable);
    return undefined;
  }

  addOwn(kind: 'checkpoint' | 'drained', value: Buffer): void {
    this.reserve(recordBytes(0, value.length));
    this.end = writeOwnRecord(this.buffer, this.end, kind, value);
    this.records += 1;
  }

  private addEvent(draft: DraftEvent, encoder: EventEncoder, sequences: Sequences): void {
    const { topic, key } = draft;
    const partition = sequences.partition(topic, key);
    const sequence = sequences.peek(topic, partition);
    const value = encoder.encode(draft, sequence);
    const keyBytes = Buffer.byteLength(key, 'utf8');
    let valueBytes = mostBytes(value);
    if (keyBytes + valueBytes > MAX_RECORD_BYTES) {
      valueBytes = Buffer.byteLength(value, 'utf8');
      if (keyBytes + valueBytes > MAX_RECORD_BYTES)
        throw new CodedError(
          'RECORD_TOO_LARGE',
          `an event of type ${draft.event.type} has ${valueBytes} bytes; the event log takes ${MAX_RECORD_BYTES}`,
          { safeToRetry: true },
        );
    }
    this.reserve(recordBytes(keyBytes, valueBytes));
    this.end = writeEventRecord(this.buffer, this.end, topic, partition, sequence, key, value);
    this.records += 1;
    sequences.take(topic, partition);
  }

  private reserve(more: number): void {
    const needed = aligned(this.end + more);
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.end);
    this.buffer = larger;
  }
}

/** Counting a text's bytes is as much work as writing it: nothing in UTF-8 has more than three for each unit. */
const mostBytes = (value: Buffer | string): number =>
  typeof value === 'string' ? value.length * 3 : value.length;
