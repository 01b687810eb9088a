/**
 * Finds which entry broke the chain. An altered entry has another hash than its successor recorded, so
 * the link behind it is broken; one whose own `prev` was altered breaks the link before it as well.
 * Fed with every link in order; says which entry is the altered one as soon as that is known.
 */
export class LinkCheck {
  private broken: bigint | undefined;

  /** Whether a link is broken and the next one decides whose it is. */
  get pending(): boolean {
    return this.broken !== undefined;
  }

  /** `holds`: whether entry `seq` names the hash of the one before it. */
  link(seq: bigint, holds: boolean): bigint | undefined {
    const before = this.broken;
    if (before === seq - 1n) {
      this.broken = undefined;
      return holds ? atLeastZero(before - 1n) : before;
    }
    if (!holds) this.broken = seq;
    return undefined;
  }

  /** After the last entry; `headHolds`: whether the head row names its hash. */
  end(headHolds: boolean): bigint | undefined {
    const before = this.broken;
    this.broken = undefined;
    return before === undefined ? undefined : headHolds ? atLeastZero(before - 1n) : before;
  }
}

const atLeastZero = (seq: bigint): bigint => (seq < 0n ? 0n : seq);
