import { readQuery } from '#libs/pg-wire/query-message.js';
import { Disposition, FrameSplitter, type FrameSink } from '#libs/pg-wire/frame-splitter.js';
import { Frontend } from '#libs/pg-wire/message-types.js';
import { ProtocolViolation } from '#libs/pg-wire/protocol-violation.js';
import { messageTooLarge } from '../enforcement/refusals.js';
import { CopiedData } from './copied-data.js';
import type { ExtendedMessages } from './extended-messages.js';
import type { FunctionCalls } from './function-calls.js';
import type { QueryMessages } from './query-messages.js';
import type { SessionState } from './session-state.js';
import { COPY_BROKEN, SlotKind, slotFor } from './slot.js';
import type { ToTarget } from './to-target.js';
import type { Turn } from './turn.js';

interface Waiting {
  readonly type: number;
  readonly bytes: Buffer;
  /** Part of a streamed message, or the report of one that was dropped. */
  readonly kind: 'frame' | 'piece' | 'dropped';
  readonly length: number;
  /** Its header is in `bytes`. */
  readonly opens: boolean;
}

/** Above this a CopyData is passed on as it comes. */
const STREAMED_COPY_BYTES = 65_536;

/** What may come while the server reads COPY data. */
const IN_COPY = new Set<number>([Frontend.CopyDone, Frontend.CopyFail, Frontend.Sync, Frontend.Flush]);

const KNOWN = new Set<number>(Object.values(Frontend));

/**
 * The way from the client: cuts messages, keeps their order, and hands each to what handles it. While
 * one waits (for the parser, the server, a decision) those behind it wait here.
 */
export class FromClient implements FrameSink {
  private readonly splitter = new FrameSplitter(this);
  private waiting: Waiting[] = [];
  private first = 0;
  private waitingBytes = 0;

  constructor(
    private readonly state: SessionState,
    private readonly toTarget: ToTarget,
    private readonly turn: Turn,
    private readonly queries: QueryMessages,
    private readonly extended: ExtendedMessages,
    private readonly functions: FunctionCalls,
    /** The longest message that is read into memory, in bytes. */
    private readonly maxMessageBytes: number,
    private readonly terminate: () => void,
  ) {}

  /** Throws ProtocolViolation: then the session cannot go on. */
  receive(chunk: Buffer): void {
    this.splitter.push(chunk);
    this.toTarget.commit();
  }

  /** Messages that wait for their turn. */
  get backlog(): number {
    return this.waiting.length - this.first;
  }

  get backlogBytes(): number {
    return this.waitingBytes;
  }

  /** Goes on with what waits, as long as nothing holds it up. May be entered again by what it calls. */
  resume(): void {
    while (!this.turn.taken && this.first < this.waiting.length) {
      const next = this.waiting[this.first] as Waiting;
      this.first += 1;
      this.waitingBytes -= next.bytes.length;
      this.handle(next);
    }
    if (this.first > 0) {
      this.waiting = this.waiting.slice(this.first);
      this.first = 0;
    }
    this.toTarget.commit();
  }

  /** The client has closed its side: what it sent before still counts, then it is over. */
  ended(): void {
    this.arrived({ type: Frontend.Terminate, bytes: Buffer.alloc(0), kind: 'frame', length: 0, opens: true });
  }

  disposition(type: number, length: number): Disposition {
    if (!KNOWN.has(type) || type === Frontend.Password)
      throw new ProtocolViolation(`invalid frontend message type ${type}`);
    if (type === Frontend.CopyData && length > STREAMED_COPY_BYTES) return Disposition.Stream;
    return length > this.maxMessageBytes ? Disposition.Drop : Disposition.Whole;
  }

  frame(type: number, bytes: Buffer, start: number, end: number): void {
    const whole = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
    this.arrived({ type, bytes: whole, kind: 'frame', length: whole.length, opens: true });
  }

  piece(type: number, bytes: Buffer, start: number, end: number, opens: boolean): void {
    this.arrived({ type, bytes: bytes.subarray(start, end), kind: 'piece', length: end - start, opens });
  }

  dropped(type: number, length: number): void {
    this.arrived({ type, bytes: Buffer.alloc(0), kind: 'dropped', length, opens: true });
  }

  private arrived(message: Waiting): void {
    if (this.turn.taken || this.waiting.length > this.first) {
      this.waiting.push(message);
      this.waitingBytes += message.bytes.length;
      return;
    }
    this.handle(message);
  }

  private handle(message: Waiting): void {
    const { type, bytes } = message;
    if (type === Frontend.Terminate) return this.terminate();
    if (this.state.skipping) {
      // The server would throw it away as well: nothing of it is judged, recorded or sent.
      if (type !== Frontend.Sync) return;
      this.state.skipping = false;
    }
    if (type === Frontend.CopyData) return this.copyData(message);
    if (this.state.copyingIn && !IN_COPY.has(type)) throw new ProtocolViolation(COPY_BROKEN);
    if (message.kind === 'dropped') return this.tooLarge(type, message.length);
    switch (type) {
      case Frontend.Query:
        this.extended.settleBeforeOther();
        if (this.state.skipping) return;
        return this.queries.query(bytes, readQuery(bytes));
      case Frontend.FunctionCall:
        this.extended.settleBeforeOther();
        if (this.state.skipping) return;
        return this.functions.functionCall(bytes);
      case Frontend.CopyDone:
      case Frontend.CopyFail:
        return this.copyEnd(bytes);
      default:
        return this.extended.message(type, bytes);
    }
  }

  private tooLarge(type: number, length: number): void {
    const refusal = messageTooLarge(length);
    if (type === Frontend.Query || type === Frontend.FunctionCall) this.queries.refuseUnread(refusal);
    else if (
      type === Frontend.Sync ||
      type === Frontend.Flush ||
      type === Frontend.CopyDone ||
      type === Frontend.CopyFail
    )
      throw new ProtocolViolation('invalid message length');
    else this.extended.refuseUnread(refusal);
  }

  /** Outside a COPY the server ignores it: then it does not go there at all. */
  private copyData({ bytes, opens }: Waiting): void {
    const { slots, copyingIn } = this.state;
    if (!copyingIn && slots.length === 0) return;
    // Data may be ahead of the server's word: then it belongs to the newest statement, or to none.
    const run = copyingIn ? slots.head?.run : slots.newestRun();
    if (run !== undefined) (run.copied ??= new CopiedData()).add(bytes, 0, bytes.length, opens);
    this.toTarget.send(bytes);
  }

  private copyEnd(bytes: Buffer): void {
    if (this.state.copyingIn) {
      this.state.copyingIn = false;
      this.toTarget.send(bytes);
    } else if (this.state.slots.length > 0) this.toTarget.send(bytes, slotFor(SlotKind.CopyEnd));
  }
}
