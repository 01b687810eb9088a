import { readCommandTag, rowsOfTag } from '#libs/pg-wire/command-complete.js';
import { readErrorFields } from '#libs/pg-wire/error-response.js';
import { Disposition, FrameSplitter, type FrameSink } from '#libs/pg-wire/frame-splitter.js';
import { Backend } from '#libs/pg-wire/message-types.js';
import { readParameterStatus } from '#libs/pg-wire/parameter-status.js';
import { ProtocolViolation } from '#libs/pg-wire/protocol-violation.js';
import type { TransactionStatus } from '#libs/pg-wire/ready-for-query.js';
import type { Capped } from './capped.js';
import { CopiedData } from './copied-data.js';
import { FILLER_SQLSTATE } from './filler.js';
import { OWN_CLOSES } from './own-query.js';
import type { Outcomes } from './outcomes.js';
import type { SessionState } from './session-state.js';
import { COPY_BROKEN, SlotKind, type Slot } from './slot.js';
import type { ToClient } from './to-client.js';

/** An error, notice or status longer than this is not read into memory: the session ends. */
const MAX_WHOLE_FRAME = 64 * 1024 * 1024;

/** Handed over whole, because something is read from them or put in their place. */
const READ = new Set<number>([
  Backend.CommandComplete,
  Backend.ErrorResponse,
  Backend.ReadyForQuery,
  Backend.ParameterStatus,
]);

/**
 * The way from the target: passes the server's bytes on as they are, counts them against what was sent,
 * exchanges the errors of fillers for our refusals, and keeps back what answers our own queries.
 */
export class FromTarget implements FrameSink {
  private readonly splitter = new FrameSplitter(this);
  /** Called when the chunk at hand is worked off: what it does may send. */
  private afterThis: (() => void) | undefined;

  constructor(
    private readonly state: SessionState,
    private readonly client: ToClient,
    private readonly outcomes: Outcomes,
    private readonly events: {
      /** The server has answered something. */
      readonly answered: () => void;
      /** From here on the server answers nothing but COPY data, up to its end. */
      readonly readsCopy: () => void;
      /** Rows are on their way to a client that is gone. */
      readonly rowsForNobody: () => void;
    },
  ) {}

  /** Throws ProtocolViolation: then the session cannot go on. */
  receive(chunk: Buffer): void {
    this.splitter.push(chunk);
    this.client.flush();
    const after = this.afterThis;
    this.afterThis = undefined;
    after?.();
    this.events.answered();
  }

  disposition(type: number, length: number): Disposition {
    if (!READ.has(type) && this.state.slots.head?.kind !== SlotKind.OwnQuery) return Disposition.Stream;
    if (length > MAX_WHOLE_FRAME) throw new ProtocolViolation('the target sent a message that is too long');
    return Disposition.Whole;
  }

  dropped(): void {
    throw new ProtocolViolation('nothing from the target is dropped');
  }

  frame(type: number, bytes: Buffer, start: number, end: number): void {
    const head = this.state.slots.head;
    if (head?.kind === SlotKind.OwnQuery && this.ownAnswer(head, type, bytes.subarray(start, end))) return;
    if (head?.capped !== undefined) this.sendWithheld(head.capped, type);
    switch (type) {
      case Backend.CommandComplete: {
        const whole = bytes.subarray(start, end);
        if (!this.completed(readCommandTag(whole), whole)) return;
        break;
      }
      case Backend.ErrorResponse:
        return this.failed(bytes.subarray(start, end));
      case Backend.ReadyForQuery:
        if (!this.ready(String.fromCharCode(bytes[start + 5] as number) as TransactionStatus)) return;
        break;
      case Backend.ParameterStatus: {
        const { name, value } = readParameterStatus(bytes.subarray(start, end));
        this.state.parameters.set(name, value);
        break;
      }
      default:
        this.opened(type);
    }
    this.client.forward(bytes, start, end);
  }

  piece(type: number, bytes: Buffer, start: number, end: number, opens: boolean): void {
    if (opens) {
      const capped = this.state.slots.head?.capped;
      if (capped !== undefined) this.sendWithheld(capped, type);
      this.opened(type);
    }
    if (type === Backend.CopyData) this.state.slots.head?.run?.copied?.add(bytes, start, end, opens);
    this.client.forward(bytes, start, end);
  }

  /** A message that is passed on unread has begun. */
  private opened(type: number): void {
    const { slots } = this.state;
    const head = slots.head;
    switch (type) {
      case Backend.DataRow:
        if (head?.run !== undefined) head.run.seen += 1;
        if (this.client.gone) this.events.rowsForNobody();
        return;
      case Backend.CopyData:
        if (this.client.gone) this.events.rowsForNobody();
        return;
      case Backend.ParseComplete:
        return this.answered(SlotKind.Parse);
      case Backend.BindComplete:
        return this.answered(SlotKind.Bind);
      case Backend.CloseComplete:
        return this.answered(SlotKind.Close);
      case Backend.RowDescription:
      case Backend.NoData:
        if (head?.kind === SlotKind.Describe) this.answered(SlotKind.Describe);
        return;
      case Backend.EmptyQueryResponse:
        this.completed('');
        return;
      case Backend.PortalSuspended: {
        const run = head?.run;
        this.answered(SlotKind.Execute);
        if (run !== undefined) run.rows += run.seen;
        this.outcomes.end(run, 'completed');
        return;
      }
      case Backend.CopyInResponse:
        if (head?.kind !== SlotKind.Query && head?.kind !== SlotKind.Execute)
          throw new ProtocolViolation('a COPY that nobody asked for');
        if (head.run !== undefined) (head.run.copied ??= new CopiedData()).direction = 'in';
        return this.copyBegan();
      case Backend.CopyOutResponse:
        if (head?.run !== undefined) (head.run.copied ??= new CopiedData()).direction = 'out';
        return;
      case Backend.FunctionCallResponse:
      case Backend.CopyDone:
      case Backend.ParameterDescription:
      case Backend.NoticeResponse:
      case Backend.NotificationResponse:
        return;
      default:
        throw new ProtocolViolation(`the target sent an unexpected message (${String.fromCharCode(type)})`);
    }
  }

  private copyBegan(): void {
    const ended = this.state.slots.dropSyncsUpToCopyEnd();
    if (ended === undefined) throw new ProtocolViolation(COPY_BROKEN);
    this.state.copyingIn = !ended;
    if (!ended) this.events.readsCopy();
  }

  private answered(kind: SlotKind): void {
    const slot = this.shift();
    if (slot?.kind !== kind) throw new ProtocolViolation('the target answered something else than was sent');
    settle(slot, true);
  }

  /** Returns whether the client gets to see it now. `frame`: of a CommandComplete. */
  private completed(tag: string, frame?: Buffer): boolean {
    const head = this.state.slots.head;
    if (head?.kind === SlotKind.Query) {
      for (const change of head.changes[head.completed] ?? []) change.settle(true);
      head.completed += 1;
      if (head.run !== undefined) countTag(head.run, tag);
      if (head.capped === undefined || frame === undefined) return true;
      head.capped.completed(frame, tag);
      return false;
    }
    if (head?.kind !== SlotKind.Execute) throw new ProtocolViolation('a command completed that was not sent');
    this.state.copyingIn = false;
    if (head.run !== undefined) countTag(head.run, tag);
    this.shift();
    const { capped } = head;
    if (capped !== undefined && frame !== undefined) {
      capped.completed(frame, tag);
      if (!capped.within) {
        settle(head, false);
        this.afterThis = () => capped.end();
        return false;
      }
      this.afterThis = () => capped.end();
    }
    settle(head, true);
    this.outcomes.end(head.run, 'completed');
    return true;
  }

  /** More comes of a statement whose CommandComplete was kept back: it was not the last. */
  private sendWithheld(capped: Capped, type: number): void {
    if (type === Backend.ReadyForQuery || type === Backend.ErrorResponse) return;
    const frame = capped.takeWithheld();
    if (frame !== undefined) this.client.send(frame);
  }

  private failed(frame: Buffer): void {
    const fields = readErrorFields(frame);
    const sqlstate = fields.get('C');
    const { slots } = this.state;
    const head = slots.head;
    const replaced = head?.refusal !== undefined && sqlstate === FILLER_SQLSTATE;
    this.client.send(replaced ? (head.refusal as Buffer) : frame);
    this.state.copyingIn = false;
    if (head === undefined) return;
    head.capped?.fail();
    // 57014 is how the server ends what somebody cancelled.
    this.outcomes.end(head.run, sqlstate === '57014' ? 'cancelled' : 'failed', {
      sqlstate,
      reason: 'the target gave an error',
    });
    if (head.kind === SlotKind.Query) return;
    this.outcomes.undo(sqlstate);
    if (head.kind === SlotKind.Sync || head.kind === SlotKind.OwnSync) return;
    this.skipToSync();
  }

  /** Of an Execute that failed or was skipped; a Query's ends with its ReadyForQuery. */
  private endCapped({ capped }: Slot): void {
    if (capped === undefined) return;
    capped.fail();
    this.afterThis = () => capped.end();
  }

  /** Everything behind the failed message and before the next Sync is thrown away by the server. */
  private skipToSync(): void {
    const { slots } = this.state;
    for (let slot = slots.head; slot !== undefined; slot = slots.head) {
      if (slot.kind === SlotKind.Sync) return;
      if (slot.kind === SlotKind.OwnSync) break;
      slots.shift();
      settle(slot, false);
      this.outcomes.end(slot.run, 'cancelled', { reason: 'skipped after an error earlier in its pipeline' });
      slot.own?.abandon();
      this.endCapped(slot);
    }
    this.state.skipping = true;
  }

  /** Returns whether the client gets to see it. */
  private ready(status: TransactionStatus): boolean {
    const slot = this.shift();
    if (
      slot === undefined ||
      (slot.kind !== SlotKind.Query && slot.kind !== SlotKind.Sync && slot.kind !== SlotKind.OwnSync)
    )
      throw new ProtocolViolation('the target is ready for a query nobody sent');
    settle(slot, false);
    const { capped } = slot;
    if (capped !== undefined) {
      // What it did is not settled yet: neither is its outcome, nor does the client get its turn.
      this.state.status = status;
      this.state.copyingIn = false;
      this.afterThis = () => capped.end();
      return false;
    }
    if (slot.kind === SlotKind.Query) this.outcomes.end(slot.run, 'completed');
    this.becameReady(status);
    return slot.kind !== SlotKind.OwnSync;
  }

  private becameReady(status: TransactionStatus): void {
    this.state.status = status;
    this.state.began = false;
    this.state.copyingIn = false;
    if (status === 'I') this.state.portals.dropWhere((portal) => !portal.declared);
    this.outcomes.flush();
  }

  /** Answers to our own query stay here; notices and the like do not belong to it. Returns whether it was one. */
  private ownAnswer(slot: Slot, type: number, frame: Buffer): boolean {
    const own = slot.own as OwnQueryOf;
    switch (type) {
      case Backend.NoticeResponse:
      case Backend.NotificationResponse:
      case Backend.ParameterStatus:
        return false;
      case Backend.DataRow:
        own.row(frame);
        return true;
      case Backend.ErrorResponse:
        // After a FATAL the connection closes: that is for the client to see.
        if (readErrorFields(frame).get('V') === 'FATAL') return false;
        own.failed(frame);
        if (own.within) {
          this.shift();
          this.outcomes.undo(readErrorFields(frame).get('C'));
          this.state.skipping = true;
          own.finish();
        }
        return true;
      case Backend.CloseComplete:
        slot.completed += 1;
        if (own.within && slot.completed === OWN_CLOSES) {
          this.shift();
          own.finish();
        }
        return true;
      case Backend.ReadyForQuery:
        this.shift();
        this.becameReady(String.fromCharCode(frame[5] as number) as TransactionStatus);
        own.finish();
        return true;
      default:
        return true;
    }
  }

  private shift(): Slot | undefined {
    const { slots } = this.state;
    const slot = slots.shift();
    // The end of COPY data has no answer of its own; outside COPY the server ignores it.
    while (slots.head?.kind === SlotKind.CopyEnd) slots.shift();
    return slot;
  }
}

type OwnQueryOf = NonNullable<Slot['own']>;

/** Tells the changes a slot carries what became of them; those of completed statements are settled already. */
export function settle(slot: Slot, confirmed: boolean): void {
  const { changes } = slot;
  for (let index = slot.kind === SlotKind.Query ? slot.completed : 0; index < changes.length; index += 1)
    for (const change of changes[index] ?? []) change.settle(confirmed);
}

/** A tag also counts the rows that are not sent; where it counts none, none were. */
function countTag(run: NonNullable<Slot['run']>, tag: string): void {
  if (tag !== '') run.tag = tag;
  run.rows += rowsOfTag(tag) ?? 0;
  run.seen = 0;
}
