import type { CodedError } from '#libs/kernel/coded-error.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Outcome } from '#libs/contracts/events/statement-events.js';
import type { Logger } from '#libs/observability/logger.js';
import type { Recorder } from '../enforcement/recorder.js';
import type { DraftEvent, Spool } from '../spool/spool.js';
import type { Run } from './run.js';

const RETRY_MS = 250;

/** Appends what happened. A full spool is tried again, in order: an outcome must not get lost. */
export class OutcomeJournal {
  private readonly queue: DraftEvent[][] = [];
  private busy = false;

  constructor(
    private readonly spool: Spool,
    private readonly logger: Logger,
  ) {}

  append(drafts: DraftEvent[]): void {
    if (drafts.length === 0) return;
    if (this.busy) {
      this.queue.push(drafts);
      return;
    }
    this.write(drafts);
  }

  private write(drafts: DraftEvent[]): void {
    this.spool.append(drafts, (error) => {
      if (error !== undefined) this.failed(drafts, error);
    });
  }

  private failed(drafts: DraftEvent[], error: CodedError): void {
    if (error.code !== 'SPOOL_FULL') {
      // The recovery of the spool gives these intents the outcome `unknown`.
      this.logger.error(
        { err: error, events: drafts.map((draft) => draft.event.id) },
        'outcomes cannot be recorded',
      );
      return;
    }
    this.queue.push(drafts);
    if (this.busy) return;
    this.busy = true;
    setTimeout(() => {
      this.busy = false;
      for (const again of this.queue.splice(0)) this.write(again);
    }, RETRY_MS).unref();
  }
}

const NO_REASON = {};

/**
 * The outcomes of one session. Those of a series are kept until its ReadyForQuery: an error further on
 * can still undo what completed in the same implicit transaction.
 */
export class Outcomes {
  private readonly series: Run[] = [];

  constructor(
    private readonly recorder: Recorder,
    private readonly journal: OutcomeJournal,
    private readonly clock: Clock,
  ) {}

  end(
    run: Run | undefined,
    outcome: Outcome,
    why: { sqlstate?: string | undefined; reason?: string } = NO_REASON,
  ): void {
    if (run === undefined || run.ended !== undefined || !run.recorded) return;
    run.ended = {
      outcome,
      sqlstate: why.sqlstate,
      reason: why.reason,
      durationMs: Math.round((this.clock.monotonic() - run.startedAt) * 1000) / 1000,
    };
    this.series.push(run);
  }

  /** An error ended the series: what completed in its implicit transaction was rolled back with it. */
  undo(sqlstate: string | undefined): void {
    if (this.series.some((run) => run.transactional)) return;
    for (const run of this.series) {
      if (run.ended?.outcome !== 'completed') continue;
      run.ended = {
        ...run.ended,
        outcome: 'failed',
        sqlstate,
        reason: 'rolled back by an error later in its pipeline',
      };
    }
  }

  /** The series is over, or the session is. */
  flush(): void {
    if (this.series.length === 0) return;
    const drafts: DraftEvent[] = [];
    for (const run of this.series) {
      const ended = run.ended;
      if (ended === undefined || !run.recorded) continue;
      const recorded = this.recorder.outcome({
        intentId: run.intentId,
        requestId: run.requestId,
        outcome: ended.outcome,
        sqlstate: ended.sqlstate,
        reason: ended.reason,
        durationMs: ended.durationMs,
        tag: run.tag,
        copied: run.copied?.recorded(),
        rows: ended.outcome === 'completed' ? run.rows : undefined,
      });
      for (const draft of recorded) drafts.push(draft);
    }
    this.series.length = 0;
    this.journal.append(drafts);
  }
}
