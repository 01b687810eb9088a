import { randomBytes } from 'node:crypto';
import { approvalDigest } from '#libs/contracts/approval-digest.js';
import type { Refusal } from '../postgres/refusal.js';
import { startRun } from '../postgres/run.js';
import type { DraftEvent } from '../spool/spool.js';
import type { Decision } from './decision-check.js';
import type { Held } from './held-requests.js';
import type { HoldContext, HoldEnd, HoldRequest } from './hold-request.js';
import * as holdText from './hold-text.js';
import { readBinding, type BindingRead } from './read-binding.js';
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
 * sent) or something ends it. Nothing of it goes to the target before `release`.
 */
export class HeldStatement implements Held {
  readonly requestId: string;
  private readonly startedAt: number;
  private readonly expiresMs: number;
  private readonly intent: DraftEvent;
  private readonly timers: NodeJS.Timeout[] = [];
  private stage: Stage = 'recording';
  private intended = false;
  private asked = false;
  private noticed = false;
  /** Seals the credentials of this statement in its binding; never leaves this process. */
  private readonly salt = randomBytes(32);
  digest = '';

  constructor(
    private readonly request: HoldRequest,
    private readonly context: HoldContext,
  ) {
    const { verdict } = request.considered;
    const { limits, insideTransaction } = context;
    this.requestId = context.newId();
    this.startedAt = context.clock.monotonic();
    const outside = verdict.expiresMs ?? limits.outsideTransactionMs;
    this.expiresMs = insideTransaction ? Math.min(outside, limits.insideTransactionMs) : outside;
    this.intent = context.recorder.intent({
      statement: request.considered.recorded,
      protocol: request.protocol,
      verdict,
      ...(request.parameters === undefined ? {} : { parameters: request.parameters }),
      requestId: this.requestId,
    });
  }

  begin(): void {
    const { context, request } = this;
    this.after(this.expiresMs, () => this.end('expired'));
    this.append([...context.recorder.chunks(request.considered.known), this.intent], () => {
      this.intended = true;
      if (this.stage === 'over') return;
      this.after(FIRST_NOTICE_MS, () => this.firstNotice());
      this.readBinding((read) => {
        if (this.stage === 'recording') this.ask(read);
      });
    });
  }

  /** Ends a hold that is not released; the client is told unless it is gone. */
  end(reason: HoldEnd): void {
    if (this.stage === 'over' || this.stage === 'released') return;
    const { recorder } = this.context;
    const refusal = holdText.endedRefusal(reason, this.requestId, this.expiresMs);
    this.record([
      ...recorder.outcome({
        ...this.outcome(),
        outcome: 'cancelled',
        sqlstate: refusal.code,
        reason: `hold ended: ${reason}`,
        concludes: false,
      }),
      ...(this.asked ? [this.cancelled(reason)] : []),
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
    } else if (decision.maxRows !== undefined) {
      this.refuse(
        holdText.rowLimitRefusal(decision, this.requestId),
        'the approval has a row limit, which this gateway cannot hold to',
      );
    } else this.checkAgain(decision);
    return true;
  }

  /** What was approved is read from the server once more, directly before it runs. */
  private checkAgain(decision: Decision): void {
    this.readBinding((read) => {
      if (this.stage !== 'deciding') return;
      if (!read.ok)
        return this.refuse(holdText.unreadableBinding(read, this.requestId), read.problem, read.sqlstate);
      if (approvalDigest(read.binding).toString('hex') !== decision.digest) return this.drifted(decision);
      const { recorder } = this.context;
      const released = recorder.draft(
        'review.released',
        { ...this.ids(), decisionId: decision.id, digest: decision.digest },
        { requestId: this.requestId, signed: true },
      );
      this.append([released], () => {
        if (this.stage !== 'deciding') return;
        this.finish('released');
        this.request.release(
          startRun(this.intent.event.id, this.startedAt, {
            requestId: this.requestId,
            transactional: this.request.considered.transactional,
          }),
        );
      });
    });
  }

  private ask(read: BindingRead): void {
    if (!read.ok)
      return this.refuse(holdText.unreadableBinding(read, this.requestId), read.problem, read.sqlstate);
    const { recorder, clock, held, insideTransaction } = this.context;
    const { considered } = this.request;
    this.digest = approvalDigest(read.binding).toString('hex');
    const left = this.expiresMs - (clock.monotonic() - this.startedAt);
    const asked = recorder.draft(
      'review.asked',
      {
        ...this.ids(),
        binding: read.binding,
        statement: considered.recorded,
        verdict: recorder.verdict(considered.verdict),
        holdExpiresAt: new Date(clock.now() + Math.max(0, left)).toISOString(),
        insideTransaction,
      },
      { requestId: this.requestId, signed: true },
    );
    this.asked = true;
    this.append([asked], () => {
      if (this.stage !== 'recording') return;
      this.stage = 'waiting';
      held.add(this);
      this.firstNotice();
    });
  }

  private drifted(decision: Decision): void {
    const { recorder } = this.context;
    this.record([
      recorder.draft(
        'decision.rejected',
        {
          decisionEventId: decision.id,
          reason: 'drifted',
          detail: 'what was approved is not what is there now',
        },
        { requestId: this.requestId },
      ),
    ]);
    this.refuse(
      holdText.driftedRefusal(this.requestId),
      'drifted: what was approved is not what is there now',
    );
  }

  private refuse(refusal: Refusal, reason: string, sqlstate = refusal.code): void {
    this.record(
      this.context.recorder.outcome({
        ...this.outcome(),
        outcome: 'refused',
        sqlstate,
        reason,
        concludes: this.asked,
      }),
    );
    this.finish('over');
    this.request.refuse(refusal);
  }

  private outcome() {
    return {
      intentId: this.intent.event.id,
      requestId: this.requestId,
      durationMs: Math.round(this.context.clock.monotonic() - this.startedAt),
    };
  }

  private ids(): { gatewayId: string; intentId: string } {
    return { gatewayId: this.context.recorder.session.gatewayId, intentId: this.intent.event.id };
  }

  private cancelled(reason: HoldEnd): DraftEvent {
    return this.context.recorder.draft(
      'review.cancelled',
      { ...this.ids(), reason },
      { requestId: this.requestId, signed: true },
    );
  }

  private readBinding(done: (read: BindingRead) => void): void {
    const { recorder, insideTransaction, ask } = this.context;
    const { bound, protocol, considered } = this.request;
    readBinding(
      {
        session: recorder.session,
        protocol,
        bound: sealCredentials(bound, considered.known, this.salt),
        analysis: considered.analysis,
        insideTransaction,
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
      if (this.intended)
        this.record(
          this.context.recorder.outcome({
            ...this.outcome(),
            outcome: 'refused',
            sqlstate: refusal.code,
            reason: refusal.message,
            concludes: this.asked,
          }),
        );
      this.finish('over');
      this.request.refuse(refusal);
    });
  }

  private record(drafts: DraftEvent[]): void {
    this.context.journal.append(drafts);
  }

  /** As soon as the question is on its way, or after a moment where the target keeps us from asking. */
  private firstNotice(): void {
    if (this.noticed || this.stage === 'over' || this.stage === 'released') return;
    this.noticed = true;
    this.notice();
    this.every(this.context.limits.noticeEveryMs, () => this.notice());
  }

  private notice(): void {
    const left = this.expiresMs - (this.context.clock.monotonic() - this.startedAt);
    const { message, detail, hint } = holdText.notice(this.requestId, this.request.considered.verdict, left);
    this.context.notice(message, detail, hint);
  }

  private finish(stage: 'released' | 'over'): void {
    this.stage = stage;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.length = 0;
    this.context.held.remove(this.requestId);
    this.context.over(this.context.clock.monotonic() - this.startedAt);
  }

  private after(ms: number, then: () => void): void {
    this.timers.push(setTimeout(then, Math.min(ms, LONGEST_TIMER_MS)));
  }

  private every(ms: number, then: () => void): void {
    this.timers.push(setInterval(then, ms));
  }
}
