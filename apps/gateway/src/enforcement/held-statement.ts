import { approvalDigest } from '#libs/contracts/approval-digest.js';
import type { Signals } from '#libs/contracts/events/signals.js';
import type { Refusal } from '../postgres/refusal.js';
import { startRun } from '../postgres/run.js';
import type { DraftEvent } from '../spool/spool.js';
import type { Decision, Progress, Receipt } from './decision-check.js';
import { grantOfDecision, grantOfReceipt, type Grant } from './grant.js';
import type { Attempt, Held } from './held-requests.js';
import { HoldRecord } from './hold-record.js';
import type { HoldContext, HoldEnd, HoldRequest } from './hold-request.js';
import * as holdText from './hold-text.js';
import { readBinding, type BindingRead } from './read-binding.js';
import { lowestRowLimit, type RowCeiling } from './row-ceiling.js';
import { sealCredentials } from './seal-credentials.js';
import { notRecorded } from './refusals.js';

/** Node's timers overflow above this and fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The client hears of the hold within a second, whatever the target does. */
const FIRST_NOTICE_MS = 800;

type Stage = 'recording' | 'waiting' | 'deciding' | 'released' | 'over';

/**
 * The life of one held statement: its intent is recorded, what an approval binds is read from the
 * server, a decision is asked for; then a good decision releases it (read again, recorded as released,
 * sent) or something ends it. Where the session does not wait (countersign.wait = 'retry') it asks whether
 * a grant is there and can be used up, for a moment only. Nothing of it goes to the target before `release`.
 */
export class HeldStatement implements Held, Attempt {
  readonly requestId: string;
  private readonly record: HoldRecord;
  private readonly expiresMs: number;
  private readonly timers: NodeJS.Timeout[] = [];
  private stage: Stage = 'recording';
  private intended = false;
  private asked = false;
  private noticed = false;
  private wait: 'hold' | 'retry' | undefined;
  private signals: Signals | undefined;
  private progress: Progress | undefined;
  digest = '';

  constructor(
    private readonly request: HoldRequest,
    private readonly context: HoldContext,
  ) {
    const { verdict } = request.considered;
    const { limits, insideTransaction } = context;
    this.requestId = context.newId();
    const outside = verdict.expiresMs ?? limits.outsideTransactionMs;
    this.expiresMs = insideTransaction ? Math.min(outside, limits.insideTransactionMs) : outside;
    this.record = new HoldRecord(request, context, this.requestId);
  }

  get intentId(): string {
    return this.record.intentId;
  }

  begin(): void {
    this.after(this.expiresMs, () => this.end('expired'));
    this.append(this.record.opening(), () => {
      this.intended = true;
      if (this.stage === 'over') return;
      this.after(FIRST_NOTICE_MS, () => this.firstNotice());
      this.readBinding((read) => {
        if (this.stage !== 'recording') return;
        if (!read.ok) return this.ask(read);
        this.context.measure(this.request, (signals) => {
          this.signals = signals;
          if (this.stage === 'recording') this.ask(read);
        });
      });
    });
  }

  /** Ends a hold that is not released; the client is told unless it is gone. */
  end(reason: HoldEnd): void {
    if (this.stage === 'over' || this.stage === 'released') return;
    const refusal = holdText.endedRefusal(reason, this.requestId, this.expiresMs);
    this.journal([
      ...this.record.outcome('cancelled', { sqlstate: refusal.code, reason: `hold ended: ${reason}` }, false),
      // Whoever does not wait may go: what it asked for stays asked.
      ...(this.asked && !this.retries ? [this.record.cancelled(reason)] : []),
    ]);
    this.finish('over');
    this.request.refuse(refusal);
  }

  decide(decision: Decision): boolean {
    if (this.stage !== 'waiting') return false;
    this.stage = 'deciding';
    if (decision.verdict === 'refused') {
      this.refuse(
        holdText.refusedByReviewers(decision, this.requestId),
        `refused by ${decision.decidedBy.join(', ')}`,
      );
    } else this.granted(grantOfDecision(decision));
    return true;
  }

  progressed(progress: Progress): void {
    if (this.stage !== 'waiting') return;
    // Times of one clock; an older one was sent again.
    if (this.progress !== undefined && progress.issuedAt < this.progress.issuedAt) return;
    this.progress = progress;
    if (progress.comment === undefined) return this.notice();
    const leftMs = this.expiresMs - this.record.age();
    this.tell(holdText.questionNotice(this.requestId, progress.comment, leftMs));
  }

  answer(receipt: Receipt): boolean {
    if (this.stage !== 'waiting') return false;
    this.stage = 'deciding';
    const { requestId } = receipt;
    switch (receipt.verdict) {
      case 'consumed':
        this.granted(grantOfReceipt(receipt));
        break;
      case 'pending':
        this.refuse(
          holdText.approvalNeeded(requestId, this.request.considered.verdict),
          `approval needed: request ${requestId} waits`,
          requestId,
        );
        break;
      case 'refused':
        this.refuse(
          holdText.refusedByReviewers(receipt, requestId),
          `refused by ${receipt.decidedBy?.join(', ') || 'approvals'}`,
          requestId,
        );
    }
    return true;
  }

  private granted(grant: Grant): void {
    const maxRows = lowestRowLimit(grant.maxRows, this.request.considered.verdict.maxRows);
    const { rowLimitProblem } = this.request;
    if (maxRows === undefined) return this.checkAgain(grant, undefined);
    if (rowLimitProblem !== undefined)
      return this.refuse(
        holdText.rowLimitRefusal(grant, maxRows, rowLimitProblem),
        `the approval has a row limit that cannot be kept: ${rowLimitProblem}`,
        grant.requestId,
      );
    this.checkAgain(grant, { maxRows, refusal: (rows) => holdText.overRowLimit(grant, maxRows, rows) });
  }

  /** What was approved is read from the server once more, directly before it runs. */
  private checkAgain(grant: Grant, ceiling: RowCeiling | undefined): void {
    this.readBinding((read) => {
      if (this.stage !== 'deciding') return;
      if (!read.ok) return this.unreadable(read);
      if (approvalDigest(read.binding).toString('hex') !== grant.digest) return this.drifted(grant);
      this.append([this.record.released(grant)], () => {
        if (this.stage !== 'deciding') return;
        this.finish('released');
        const run = startRun(this.intentId, this.record.startedAt, {
          requestId: grant.requestId,
          transactional: this.request.considered.transactional,
        });
        this.request.release(run, ceiling);
      });
    });
  }

  private ask(read: BindingRead): void {
    if (!read.ok) return this.unreadable(read);
    const { held, limits } = this.context;
    this.wait = read.wait;
    this.digest = approvalDigest(read.binding).toString('hex');
    const left = this.expiresMs - this.record.age();
    const retry = this.retries ? { answerWithinMs: limits.retryAnswerMs } : undefined;
    this.asked = true;
    this.append(this.record.asked(read.binding, left, retry, this.signals), () => {
      if (this.stage !== 'recording') return;
      this.stage = 'waiting';
      if (retry === undefined) {
        held.add(this);
        this.firstNotice();
        return;
      }
      held.addAttempt(this);
      this.after(retry.answerWithinMs, () => this.notAnswered());
    });
  }

  /** Approvals is away or behind: the question stays, and the client asks again. */
  private notAnswered(): void {
    if (this.stage !== 'waiting') return;
    this.refuse(
      holdText.approvalUnanswered(this.requestId),
      `approval needed: request ${this.requestId} was not answered in time`,
    );
  }

  private drifted(grant: Grant): void {
    this.journal([this.record.drifted(grant)]);
    this.refuse(
      holdText.driftedRefusal(grant.requestId),
      'drifted: what was approved is not what is there now',
      grant.requestId,
    );
  }

  private unreadable(read: BindingRead & { ok: false }): void {
    this.refuse(
      holdText.unreadableBinding(read, this.requestId),
      read.problem,
      this.requestId,
      read.sqlstate,
    );
  }

  private refuse(
    refusal: Refusal,
    reason: string,
    requestId = this.requestId,
    sqlstate = refusal.code,
  ): void {
    // Of a request that outlives its attempts nobody is told that it ended.
    const concludes = this.asked && !this.retries;
    this.journal(this.record.outcome('refused', { sqlstate, reason }, concludes, requestId));
    this.finish('over');
    this.request.refuse(refusal);
  }

  private get retries(): boolean {
    return this.wait === 'retry';
  }

  private readBinding(done: (read: BindingRead) => void): void {
    const { recorder, insideTransaction, ask, sealingSalt } = this.context;
    const { bound, protocol, considered } = this.request;
    readBinding(
      {
        session: recorder.session,
        protocol,
        bound: sealCredentials(bound, considered.known, sealingSalt),
        analysis: considered.analysis,
        insideTransaction,
        wait: this.wait,
      },
      ask,
      done,
    );
  }

  /** Appends what must be durable before the next step; without it the statement does not run. */
  private append(drafts: DraftEvent[], then: () => void): void {
    this.context.spool.append(drafts, (error) => {
      if (error === undefined) return then();
      if (this.stage === 'over' || this.stage === 'released') return;
      const refusal = notRecorded(error);
      // Where the intent is in the record it gets its outcome, as soon as there is room.
      if (this.intended || error.code === 'NOT_REPLICATED') return this.refuse(refusal, refusal.message);
      this.finish('over');
      this.request.refuse(refusal);
    });
  }

  private journal(drafts: DraftEvent[]): void {
    this.context.journal.append(drafts);
  }

  /** As soon as the question is on its way, or after a moment where the target keeps us from asking. */
  private firstNotice(): void {
    if (this.noticed || this.retries || this.stage === 'over' || this.stage === 'released') return;
    this.noticed = true;
    this.notice();
    this.every(this.context.limits.noticeEveryMs, () => this.notice());
  }

  private notice(): void {
    const { verdict } = this.request.considered;
    const leftMs = this.expiresMs - this.record.age();
    const { signals, progress } = this;
    this.tell(holdText.notice(this.requestId, verdict, { leftMs, signals, progress }));
  }

  private tell({ message, detail, hint }: holdText.Notice): void {
    this.context.notice(message, detail, hint);
  }

  private finish(stage: 'released' | 'over'): void {
    this.stage = stage;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.length = 0;
    this.context.held.remove(this.requestId);
    this.context.held.removeAttempt(this.intentId);
    this.context.over(this.record.age());
  }

  private after(ms: number, then: () => void): void {
    this.timers.push(setTimeout(then, Math.min(ms, LONGEST_TIMER_MS)));
  }

  private every(ms: number, then: () => void): void {
    this.timers.push(setInterval(then, ms));
  }
}
