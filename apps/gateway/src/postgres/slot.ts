import type { NameChange, SessionNames } from '../enforcement/session-names.js';
import type { Run } from './run.js';
import type { Capped } from './capped.js';
import type { OwnQuery } from './own-query.js';

/** While it reads COPY data the server takes any other message for an error and never answers it. */
export const COPY_BROKEN = 'a message that is no COPY data came in the middle of a COPY';

export const SlotKind = {
  Query: 0,
  Parse: 1,
  Bind: 2,
  Describe: 3,
  Execute: 4,
  Close: 5,
  Sync: 6,
  /** A Sync of ours; its ReadyForQuery is not the client's. */
  OwnSync: 7,
  /** A query of ours on the session's connection. */
  OwnQuery: 8,
  /** CopyDone or CopyFail; has no answer of its own. */
  CopyEnd: 9,
} as const;
export type SlotKind = (typeof SlotKind)[keyof typeof SlotKind];

/** A change to the session's names that waits for the server's word. */
export interface PendingChange {
  settle(confirmed: boolean): void;
}

export function pendingChange<T>(names: SessionNames<T>, change: NameChange<T>): PendingChange {
  names.propose(change);
  return { settle: (confirmed) => (confirmed ? names.confirm(change) : names.withdraw(change)) };
}

/** What was sent to the target and is not answered yet, in the order of sending. */
export interface Slot {
  readonly kind: SlotKind;
  readonly run: Run | undefined;
  /** The ErrorResponse the client gets: the target is sent something that fails in the place of what was refused. */
  refusal: Buffer | undefined;
  /** One entry for each CommandComplete of a Query; otherwise one for the one answer. */
  readonly changes: readonly (readonly PendingChange[])[];
  readonly own: OwnQuery | undefined;
  /** Set where the rows it changes have a ceiling. */
  readonly capped: Capped | undefined;
  /** Whether its intent or preparation must be durable first. */
  readonly recorded: boolean;
  completed: number;
  sent: boolean;
}

const NONE: Slot['changes'] = [];

export const slotFor = (
  kind: SlotKind,
  options: {
    run?: Run | undefined;
    refusal?: Buffer;
    changes?: Slot['changes'];
    own?: OwnQuery;
    capped?: Capped | undefined;
    recorded?: boolean;
  } = {},
): Slot => ({
  kind,
  run: options.run,
  refusal: options.refusal,
  changes: options.changes ?? NONE,
  own: options.own,
  capped: options.capped,
  recorded: options.recorded ?? false,
  completed: 0,
  sent: false,
});

/** First in, first out, without moving what is behind the head. */
export class SlotQueue {
  private slots: Slot[] = [];
  private first = 0;

  get head(): Slot | undefined {
    return this.slots[this.first];
  }

  get length(): number {
    return this.slots.length - this.first;
  }

  push(slot: Slot): void {
    this.slots.push(slot);
  }

  shift(): Slot | undefined {
    const slot = this.slots[this.first];
    if (slot === undefined) return undefined;
    this.first += 1;
    if (this.first === this.slots.length) {
      this.slots.length = 0;
      this.first = 0;
    } else if (this.first > 1024) {
      this.slots = this.slots.slice(this.first);
      this.first = 0;
    }
    return slot;
  }

  /** Of the Query or Execute sent last. */
  newestRun(): Run | undefined {
    for (let index = this.slots.length - 1; index >= this.first; index -= 1) {
      const run = this.slots[index]?.run;
      if (run !== undefined) return run;
    }
    return undefined;
  }

  some(test: (slot: Slot) => boolean): boolean {
    for (let index = this.first; index < this.slots.length; index += 1)
      if (test(this.slots[index] as Slot)) return true;
    return false;
  }

  /**
   * The head has begun a COPY from the client: the server ignores every Sync up to the end of the data,
   * so those get no answer. Returns whether that end was sent already. undefined: something else was sent
   * before it, which the server takes for a broken COPY and never answers.
   */
  dropSyncsUpToCopyEnd(): boolean | undefined {
    const kept: Slot[] = [];
    let ended = false;
    for (let index = this.first; index < this.slots.length; index += 1) {
      const slot = this.slots[index] as Slot;
      if (index > this.first && !ended) {
        if (slot.kind === SlotKind.Sync) continue;
        if (slot.kind === SlotKind.CopyEnd) {
          ended = true;
          continue;
        }
        return undefined;
      }
      kept.push(slot);
    }
    this.slots = kept;
    this.first = 0;
    return ended;
  }
}
