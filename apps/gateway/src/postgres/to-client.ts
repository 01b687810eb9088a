import type { Socket } from 'node:net';

/**
 * The way to the client. Neighbouring parts of one chunk go out as one piece without a copy; `flush`
 * ends a burst. After the client has gone everything is dropped.
 */
export class ToClient {
  private run: Buffer | undefined;
  private runStart = 0;
  private runEnd = 0;
  private corked = false;
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

  flush(): void {
    this.endRun();
    if (this.corked) {
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
    if (this.gone || !this.socket.writable) return;
    if (!this.corked) {
      this.corked = true;
      this.socket.cork();
    }
    if (!this.socket.write(bytes)) this.full();
  }
}
