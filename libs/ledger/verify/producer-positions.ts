import { bytesToUuid, uuidToBytes } from '#libs/kernel/uuid.js';

/** The number that is due next from each producer of a chain. The only thing that grows while verifying. */
export class ProducerPositions {
  /** By the 16 bytes of the producer's UUID, as text of 16 characters. */
  private readonly slots = new Map<string, { next: bigint; due: number }>();
  private readonly lastBytes = Buffer.alloc(16);
  private last: { next: bigint; due: number } | undefined;

  next(producer: string): bigint {
    const slot = this.slots.get(uuidToBytes(producer).toString('latin1'));
    if (slot === undefined) return 0n;
    return Number.isNaN(slot.due) ? slot.next : BigInt(slot.due);
  }

  set(producer: string, next: bigint): void {
    const due = next <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(next) : Number.NaN;
    this.slots.set(uuidToBytes(producer).toString('latin1'), { next, due });
    this.last = undefined;
  }

  /**
   * Moves the producer whose 16 bytes stand at `at` on when `number` is the one that was due; false, and
   * nothing moved, when it is not.
   */
  advance(bytes: Buffer, at: number, number: number): boolean {
    const slot =
      this.last !== undefined && this.isLast(bytes, at)
        ? this.last
        : this.slots.get(bytes.toString('latin1', at, at + 16));
    if (slot === undefined || slot.due !== number) return false;
    slot.due = number + 1;
    if (slot !== this.last) {
      this.last = slot;
      bytes.copy(this.lastBytes, 0, at, at + 16);
    }
    return true;
  }

  private isLast(bytes: Buffer, at: number): boolean {
    for (let index = 0; index < 16; index += 1) if (bytes[at + index] !== this.lastBytes[index]) return false;
    return true;
  }

  *entries(): Generator<[producer: string, next: bigint]> {
    for (const [key, slot] of this.slots)
      yield [bytesToUuid(Buffer.from(key, 'latin1')), Number.isNaN(slot.due) ? slot.next : BigInt(slot.due)];
  }
}
