import type { Binding } from '#libs/contracts/binding.js';
import { cutStatements, STATEMENT_IN_PARTS, type CutStatements } from '#libs/contracts/binding-parts.js';
import type { Signals } from '#libs/contracts/events/signals.js';
import type { Outcome } from '#libs/contracts/events/statement-events.js';
import type { DraftEvent } from '../spool/spool.js';
import type { Grant } from './grant.js';
import type { HoldContext, HoldEnd, HoldRequest } from './hold-request.js';

/** Drafts the events of one statement that is under review. */
export class HoldRecord {
  readonly intent: DraftEvent;
  readonly startedAt: number;

  constructor(
    private readonly request: HoldRequest,
    private readonly context: HoldContext,
    /** The request this statement asks under. */
    readonly requestId: string,
  ) {
    this.startedAt = context.clock.monotonic();
    this.intent = context.recorder.intent({
      statement: request.considered.recorded,
      protocol: request.protocol,
      verdict: request.considered.verdict,
      ...(request.parameters === undefined ? {} : { parameters: request.parameters }),
      requestId,
    });
  }

  get intentId(): string {
    return this.intent.event.id;
  }

  /** Milliseconds since the statement came. */
  age(): number {
    return this.context.clock.monotonic() - this.startedAt;
  }

  /** What must be durable before anything is asked of anybody. */
  opening(): DraftEvent[] {
    return [
      ...this.context.recorder.chunks(this.request.considered.known, this.request.considered.verdict),
      this.intent,
    ];
  }

  /** The question, after the parts of what is too long for one event. */
  asked(
    binding: Binding,
    endsInMs: number,
    retry: { answerWithinMs: number } | undefined,
    signals: Signals | undefined,
  ): DraftEvent[] {
    const { recorder, clock, insideTransaction } = this.context;
    const { recorded, verdict } = this.request.considered;
    const inMs = (ms: number): string => new Date(clock.now() + Math.max(0, ms)).toISOString();
    const cut = cutStatements(binding.statements);
    const asked = recorder.draft(
      'review.asked',
      {
        ...this.ids(),
        binding: cut === undefined ? binding : { ...binding, statements: [STATEMENT_IN_PARTS] },
        ...(cut === undefined ? {} : { statementsInParts: cut.inParts }),
        statement: recorded,
        verdict: recorder.verdict(verdict),
        holdExpiresAt: inMs(endsInMs),
        insideTransaction,
        ...(signals === undefined ? {} : { signals }),
        ...(retry === undefined ? {} : { wait: 'retry' as const, answerBy: inMs(retry.answerWithinMs) }),
      },
      { requestId: this.requestId, signed: true },
    );
    return [...(cut === undefined ? [] : this.parts(cut)), asked];
  }

  private parts({ inParts, parts }: CutStatements): DraftEvent[] {
    return parts.map((text, index) =>
      this.context.recorder.draft(
        'review.part-recorded',
        { ...this.ids(), ...inParts, index, text },
        { requestId: this.requestId, signed: true },
      ),
    );
  }

  released(grant: Grant): DraftEvent {
    return this.context.recorder.draft(
      'review.released',
      { ...this.ids(), decisionId: grant.decisionId, digest: grant.digest },
      { requestId: grant.requestId, signed: true },
    );
  }

  drifted(grant: Grant): DraftEvent {
    return this.context.recorder.draft(
      'decision.rejected',
      {
        decisionEventId: grant.eventId,
        reason: 'drifted',
        detail: 'what was approved is not what is there now',
      },
      { requestId: grant.requestId },
    );
  }

  cancelled(reason: HoldEnd): DraftEvent {
    return this.context.recorder.draft(
      'review.cancelled',
      { ...this.ids(), reason },
      { requestId: this.requestId, signed: true },
    );
  }

  /** `concludes`: approvals is told with it how the request ended. `requestId`: the one it ended under. */
  outcome(
    outcome: Outcome,
    why: { sqlstate: string; reason: string },
    concludes: boolean,
    requestId = this.requestId,
  ): DraftEvent[] {
    return this.context.recorder.outcome({
      intentId: this.intentId,
      requestId,
      durationMs: Math.round(this.age()),
      outcome,
      ...why,
      concludes,
    });
  }

  private ids(): { gatewayId: string; intentId: string } {
    return { gatewayId: this.context.recorder.session.gatewayId, intentId: this.intentId };
  }
}
