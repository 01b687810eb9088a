import { createHash, type Hash } from 'node:crypto';

/** Counts and commits to the data of a COPY as it goes over the wire, message headers left out. */
export class CopiedData {
  private readonly hash: Hash = createHash('sha256');
  private bytes = 0;
  /** Whether the server took part: data that comes outside a COPY is nobody's. */
  direction: 'in' | 'out' | undefined;

  /** bytes[start, end) is a CopyData message or a part of one; `opens`: its header is in front. */
  add(bytes: Buffer, start: number, end: number, opens: boolean): void {
    const from = opens ? start + 5 : start;
    if (from >= end) return;
    this.bytes += end - from;
    this.hash.update(bytes.subarray(from, end));
  }

  /** For the record; undefined where there was no COPY. Ends the counting. */
  recorded(): { direction: 'in' | 'out'; bytes: number; sha256: string } | undefined {
    const { direction, bytes } = this;
    return direction === undefined ? undefined : { direction, bytes, sha256: this.hash.digest('hex') };
  }
}
