import { ProtocolViolation } from './protocol-violation.js';

/** What to do with a message, decided from its header alone: nothing is allocated before. */
export const Disposition = {
  /** Collected, then handed over whole. */
  Whole: 0,
  /** Handed on piece by piece as it arrives, never collected. */
  Stream: 1,
  /** Dropped as it arrives, then reported: it is above its limit. */
  Drop: 2,
} as const;
export type Disposition = (typeof Disposition)[keyof typeof Disposition];

export interface FrameSink {
  /** Called once for each message, before its body is there. `length` is the whole frame with its header. Throws ProtocolViolation. */
  disposition(type: number, length: number): Disposition;
  /** bytes[start, end) is one frame with its header. Valid during the call and as long as it is referenced. */
  frame(type: number, bytes: Buffer, start: number, end: number): void;
  /** bytes[start, end) is a part of a streamed frame; its header is in the part that opens it. */
  piece(type: number, bytes: Buffer, start: number, end: number, opens: boolean, closes: boolean): void;
  /** A dropped frame has passed by. */
  dropped(type: number, length: number): void;
}

const HEADER = 5;
const FIRST_GROWTH = 65_536;

/**
 * Cuts a byte stream into messages of one type byte and a 32-bit length that counts itself. Chunks may
 * end anywhere. A frame inside one chunk is handed over without a copy.
 */
export class FrameSplitter {
  private readonly header = Buffer.alloc(HEADER);
  private headerBytes = 0;
  private type = 0;
  private length = 0;
  private mode: Disposition = Disposition.Whole;
  /** Bytes of the current frame still to come; 0 between frames. */
  private remaining = 0;
  private opened = false;
  private collected: Buffer | undefined;
  private collectedBytes = 0;

  constructor(private readonly sink: FrameSink) {}

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.remaining > 0) at = this.resume(chunk, at);
      else if (this.headerBytes > 0 || chunk.length - at < HEADER) at = this.gatherHeader(chunk, at);
      else at = this.begin(chunk, at);
    }
  }

  /** A frame that starts in this chunk with a whole header. */
  private begin(chunk: Buffer, at: number): number {
    this.open(chunk[at] as number, chunk.readUInt32BE(at + 1) + 1);
    const end = at + this.length;
    if (end <= chunk.length) {
      if (this.mode === Disposition.Whole) this.sink.frame(this.type, chunk, at, end);
      else if (this.mode === Disposition.Stream) this.sink.piece(this.type, chunk, at, end, true, true);
      else this.sink.dropped(this.type, this.length);
      return end;
    }
    this.remaining = this.length;
    this.opened = false;
    return this.resume(chunk, at);
  }

  private gatherHeader(chunk: Buffer, at: number): number {
    const take = Math.min(HEADER - this.headerBytes, chunk.length - at);
    chunk.copy(this.header, this.headerBytes, at, at + take);
    this.headerBytes += take;
    if (this.headerBytes < HEADER) return at + take;
    this.headerBytes = 0;
    const header = Buffer.from(this.header);
    this.open(header[0] as number, header.readUInt32BE(1) + 1);
    this.remaining = this.length;
    this.opened = false;
    this.resume(header, 0);
    return at + take;
  }

  private open(type: number, length: number): void {
    if (length < HEADER) throw new ProtocolViolation('a message length is below its minimum');
    this.type = type;
    this.length = length;
    this.mode = this.sink.disposition(type, length);
  }

  /** Takes what the chunk has of the current frame. */
  private resume(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.remaining);
    this.remaining -= end - at;
    const closes = this.remaining === 0;
    if (this.mode === Disposition.Stream) {
      const opens = !this.opened;
      this.opened = true;
      this.sink.piece(this.type, chunk, at, end, opens, closes);
    } else if (this.mode === Disposition.Whole) {
      this.collect(chunk, at, end);
      if (closes) {
        const frame = this.collected as Buffer;
        this.collected = undefined;
        this.collectedBytes = 0;
        this.sink.frame(this.type, frame, 0, this.length);
      }
    } else if (closes) {
      this.sink.dropped(this.type, this.length);
    }
    return end;
  }

  /** Memory grows with what has arrived, not with what a header promises. */
  private collect(chunk: Buffer, at: number, end: number): void {
    const needed = this.collectedBytes + end - at;
    const held = this.collected;
    if (held === undefined || held.length < needed) {
      const grown = Buffer.allocUnsafe(
        Math.min(this.length, Math.max(needed, FIRST_GROWTH, (held?.length ?? 0) * 2)),
      );
      held?.copy(grown, 0, 0, this.collectedBytes);
      this.collected = grown;
    }
    chunk.copy(this.collected as Buffer, this.collectedBytes, at, end);
    this.collectedBytes = needed;
  }
}
