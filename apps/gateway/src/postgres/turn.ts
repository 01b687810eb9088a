import { FLUSH, SYNC } from '#libs/pg-wire/bodyless-messages.js';
import { ProtocolViolation } from '#libs/pg-wire/protocol-violation.js';
import type { SessionState } from './session-state.js';
import { COPY_BROKEN, SlotKind, slotFor } from './slot.js';
import type { ToTarget } from './to-target.js';

/**
 * Whose turn it is. A message that must wait takes the turn; the client's next ones stay in the queue
 * until it is done.
 */
export class Turn {
  private waiter: (() => void) | undefined;
  taken = false;

  constructor(
    private readonly state: SessionState,
    private readonly toTarget: ToTarget,
    /** The turn is free again: goes on with what waits. */
    private readonly resume: () => void,
    /** Runs what comes back later; ends the session when it throws. */
    private readonly guard: (work: () => void) => void,
  ) {}

  /** The message that took the turn goes on; unless it takes it again, the next ones follow. */
  goOn(work: () => void): void {
    this.guard(() => {
      this.taken = false;
      work();
      if (!this.taken) this.resume();
    });
  }

  /** Waits for a promise that never rejects, then goes on with its value. */
  until<T>(promise: Promise<T>, work: (value: T) => void): void {
    this.taken = true;
    void promise.then((value) => this.goOn(() => work(value)));
  }

  /**
   * Calls back once the server has answered everything that was sent, with the turn still taken: the
   * caller gives it back with goOn. Where the server answers only when asked, a Sync of ours asks; where
   * that would end a transaction of the client's, a Flush.
   */
  whenQuiet(then: () => void): void {
    this.taken = true;
    if (this.state.seriesOpen) {
      if (this.state.seriesBusy) this.toTarget.send(FLUSH);
      else {
        this.toTarget.send(SYNC, slotFor(SlotKind.OwnSync));
        this.state.seriesOpen = false;
      }
    }
    this.toTarget.commit();
    this.waiter = then;
    this.check();
  }

  /** Waits until the server is quiet, then goes on. */
  onceQuiet(work: () => void): void {
    this.whenQuiet(() => this.goOn(work));
  }

  /** To be called when something was answered or went out. */
  check(): void {
    const then = this.waiter;
    if (then === undefined || this.state.slots.length > 0 || !this.toTarget.idle) return;
    this.waiter = undefined;
    this.guard(then);
  }

  /** The server reads COPY data: whatever waits for it to be quiet would wait for ever. */
  refuseToWait(): void {
    if (this.waiter !== undefined) throw new ProtocolViolation(COPY_BROKEN);
  }

  /** The session is over: nobody is called back. */
  stop(): void {
    this.taken = true;
    this.waiter = undefined;
  }
}
