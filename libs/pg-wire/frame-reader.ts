import { ProtocolViolation } from './protocol-violation.js';

const SHORT = 64;

/** Reads the fields of one message in order; every read is bounded by the frame. Throws ProtocolViolation. */
export class FrameReader {
  private at: number;

  /** Starts behind the header (type and length). */
  constructor(
    private readonly frame: Buffer,
    start = 5,
  ) {
    this.at = start;
  }

  get remaining(): number {
    return this.frame.length - this.at;
  }

  byte(): number {
    this.need(1);
    return this.frame[this.at++] as number;
  }

  uint16(): number {
    this.need(2);
    const value = this.frame.readUInt16BE(this.at);
    this.at += 2;
    return value;
  }

  int32(): number {
    this.need(4);
    const value = this.frame.readInt32BE(this.at);
    this.at += 4;
    return value;
  }

  uint32(): number {
    this.need(4);
    const value = this.frame.readUInt32BE(this.at);
    this.at += 4;
    return value;
  }

  bytes(length: number): Buffer {
    if (length < 0) throw new ProtocolViolation('a negative length');
    this.need(length);
    const value = this.frame.subarray(this.at, this.at + length);
    this.at += length;
    return value;
  }

  /** The bytes up to the next NUL, which is passed over. */
  stringBytes(): Buffer {
    const end = this.frame.indexOf(0, this.at);
    if (end === -1) throw new ProtocolViolation('a string without its end');
    const value = this.frame.subarray(this.at, end);
    this.at = end + 1;
    return value;
  }

  string(): string {
    const { frame, at } = this;
    // Most are names, and many of those empty: looking at each byte is less work than a native search.
    for (let end = at; end < frame.length && end - at < SHORT; end += 1) {
      if (frame[end] !== 0) continue;
      this.at = end + 1;
      return end === at ? '' : frame.toString('utf8', at, end);
    }
    return this.stringBytes().toString('utf8');
  }

  end(): void {
    if (this.at !== this.frame.length) throw new ProtocolViolation('a message longer than its fields');
  }

  private need(bytes: number): void {
    if (this.frame.length - this.at < bytes) throw new ProtocolViolation('a message shorter than its fields');
  }
}
