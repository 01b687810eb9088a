import type { Socket } from 'node:net';

/** What is kept back of answers may grow to this; then the target is not read on. */
const KEPT_BYTES = 1024 * 1024;

/**
 * The way to the client. Neighbouring parts of one chunk go out as one piece without a copy; `flush`
 * ends a burst. After the client has gone everything is dropped.
 */
export class ToClient {
  private run: Buffer | undefined;
  private runStart = 0;
  private runEnd = 0;
  /** The first part of a burst: alone it needs no cork. */
  private first: Buffer | undefined;
  private corked = false;
  /** What must not leave yet. */
  private kept: Buffer[] | undefined;
  private keptBytes = 0;
  private discarding = false;
  gone = false;

  constructor(
    private readonly socket: Socket,
    /** The socket takes no more for now. */
    private readonly full: () => void,
  ) {}

  /** bytes[start, end), which must not change afterwards. */
  forward(bytes: Buffer, start: number, end: number): void {
    if (this.run === bytes && this.runEnd === start) {
      this.runEnd = end;
      return;
    }
    this.endRun();
    this.run = bytes;
    this.runStart = start;
    this.runEnd = end;
  }

  send(bytes: Buffer): void {
    this.endRun();
    this.write(bytes);
  }

  /** From here on everything is kept, up to `open`. */
  close(): void {
    this.flush();
    this.kept = [];
    this.keptBytes = 0;
  }

  /** Returns whether the socket takes more. */
  open(): boolean {
    this.endRun();
    const kept = this.discarding ? [] : (this.kept ?? []);
    this.kept = undefined;
    this.discarding = false;
    for (const bytes of kept) this.write(bytes);
    this.flush();
    return !this.socket.writableNeedDrain;
  }

  /** What is kept, and comes until `open`, is dropped. */
  discard(): void {
    this.endRun();
    this.discarding = true;
    this.kept = [];
    this.keptBytes = 0;
  }

  flush(): void {
    this.endRun();
    const { first } = this;
    if (first !== undefined) {
      this.first = undefined;
      this.pass(first);
    } else if (this.corked) {
      this.corked = false;
      this.socket.uncork();
    }
  }

  private endRun(): void {
    const bytes = this.run;
    if (bytes === undefined) return;
    this.run = undefined;
    this.write(
      this.runStart === 0 && this.runEnd === bytes.length
        ? bytes
        : bytes.subarray(this.runStart, this.runEnd),
    );
  }

  private write(bytes: Buffer): void {
    if (this.gone || this.discarding) return;
    if (this.kept !== undefined) {
      this.kept.push(bytes);
      this.keptBytes += bytes.length;
      if (this.keptBytes > KEPT_BYTES) this.full();
      return;
    }
    if (this.corked) return this.pass(bytes);
    if (this.first === undefined) {
      this.first = bytes;
      return;
    }
    this.corked = true;
    this.socket.cork();
    this.pass(this.first);
    this.first = undefined;
    this.pass(bytes);
  }

  private pass(bytes: Buffer): void {
    if (this.gone || !this.socket.writable) return;
    if (!this.socket.write(bytes)) this.full();
  }
}
