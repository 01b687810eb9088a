import type { Reading } from '../enforcement/judge.js';
import { unknownStatement } from '../enforcement/known-text.js';
import {
  credentialUnderReview,
  deniedByPolicy,
  reviewInFailedTransaction,
  whyUnread,
} from '../enforcement/refusals.js';
import { rowLimitProblem } from '../enforcement/row-ceiling.js';
import type { Refusal } from './refusal.js';
import { releaseCappedQuery } from './release-capped.js';
import { SlotKind, slotFor } from './slot.js';
import type { Considered } from './statement-intake.js';
import {
  mayOverlap,
  recordIntent,
  recordRefused,
  refuseQuery,
  unreadable,
  type StatementPath,
} from './statement-path.js';

/** Query, which ends with a ReadyForQuery of its own. */
export class QueryMessages {
  constructor(private readonly path: StatementPath) {}

  query(frame: Buffer, text: Buffer): void {
    const reading = this.path.intake.read(text);
    if (reading instanceof Promise) this.path.turn.until(reading, (read) => this.judge(frame, text, read));
    else this.judge(frame, text, reading);
  }

  /** For a message that was not even taken into memory. */
  refuseUnread(refusal: Refusal): void {
    refuseQuery(this.path, refusal);
  }

  private judge(frame: Buffer, text: Buffer, reading: Reading): void {
    const { path } = this;
    // An error of the series came in while this waited.
    if (path.state.skipping) return;
    if (!reading.ok) {
      const statement = unknownStatement(text, 'UNREADABLE', whyUnread(reading.refusal));
      recordRefused(
        path,
        { statement, protocol: 'simple', verdict: unreadable('unreadable', 'it cannot be read') },
        reading.refusal,
      );
      return refuseQuery(path, reading.refusal);
    }
    const considered = path.intake.consider(reading.known);
    if (typeof considered === 'function') return considered(() => this.judge(frame, text, reading));
    switch (considered.verdict.effect) {
      case 'allow':
        return this.forward(frame, considered);
      case 'deny':
        return this.refuse(considered, deniedByPolicy(considered.verdict));
      case 'review':
        return path.turn.whenQuiet(() => this.review(frame, considered));
    }
  }

  private refuse(considered: Considered, refusal: Refusal): void {
    const { path } = this;
    path.toTarget.record(path.recorder.chunks(considered.known, considered.verdict));
    recordRefused(
      path,
      { statement: considered.recorded, protocol: 'simple', verdict: considered.verdict },
      refusal,
    );
    refuseQuery(path, refusal);
  }

  private forward(frame: Buffer, considered: Considered): void {
    const { path } = this;
    if (considered.known.longText !== undefined)
      path.toTarget.record(path.recorder.chunks(considered.known, considered.verdict));
    const run = recordIntent(
      path,
      { statement: considered.recorded, protocol: 'simple', verdict: considered.verdict },
      considered.transactional,
    );
    path.toTarget.send(
      frame,
      slotFor(SlotKind.Query, { run, changes: path.intake.nameChanges(considered.known), recorded: true }),
      mayOverlap(path, considered),
    );
    path.intake.sent(considered);
    path.state.endSeries();
    if (considered.transactional) path.state.began = true;
  }

  /** The server is quiet and the turn is taken. */
  private review(frame: Buffer, considered: Considered): void {
    const { path } = this;
    if (path.state.skipping) return path.turn.goOn(() => undefined);
    if (path.state.status === 'E') {
      // A failed transaction runs nothing but its end, so the server refuses this one by itself. With the
      // end of the transaction in the same message it would run.
      const certain = considered.analysis.statements.every(
        (statement) => statement.transaction === undefined && statement.incomplete === undefined,
      );
      if (certain) return path.turn.goOn(() => this.forward(frame, considered));
      return path.turn.goOn(() => this.refuse(considered, reviewInFailedTransaction));
    }
    if (considered.runsCredential)
      return path.turn.goOn(() => this.refuse(considered, credentialUnderReview));
    path.hold({
      considered,
      protocol: 'simple',
      bound: {
        text: considered.known.bytes.toString('base64'),
        standsFor: considered.standsFor.map((text) => text.bytes.toString('base64')),
        parameterTypes: [],
        parameterFormats: [],
        parameters: [],
        resultFormats: [],
        maxRows: 0,
      },
      parameters: undefined,
      rowLimitProblem: path.state.seriesOpen
        ? 'it came in the middle of a pipeline'
        : rowLimitProblem(considered.analysis.statements),
      release: (run, ceiling) => {
        path.intake.sent(considered);
        if (ceiling !== undefined) return releaseCappedQuery(path, frame, considered, run, ceiling);
        path.turn.goOn(() => {
          path.toTarget.send(
            frame,
            slotFor(SlotKind.Query, { run, changes: path.intake.nameChanges(considered.known) }),
          );
          path.state.endSeries();
        });
      },
      refuse: (refusal) => path.turn.goOn(() => refuseQuery(path, refusal)),
    });
  }
}
