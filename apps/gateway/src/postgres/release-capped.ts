import { readErrorFields } from '#libs/pg-wire/error-response.js';
import { FLUSH } from '#libs/pg-wire/bodyless-messages.js';
import type { RowCeiling } from '../enforcement/row-ceiling.js';
import { Capped, type CappedEnd } from './capped.js';
import type { OwnResult } from './own-query.js';
import { refusalResponse } from './refusal.js';
import type { Run } from './run.js';
import { SlotKind, slotFor } from './slot.js';
import type { Considered } from './statement-intake.js';
import { refuseExtended, type StatementPath } from './statement-path.js';

const NOTHING = Buffer.alloc(0);

const makesTable = (considered: Considered): boolean =>
  considered.analysis.statements.some(({ kind }) => kind === 'CREATE TABLE AS' || kind === 'SELECT INTO');

/**
 * Runs a Query so that it can be taken back. Outside a transaction it runs in one of ours, which is
 * committed only when the ceiling was kept; inside one the client's own fails, as it does of any error.
 * The turn is taken, and given back when all is settled.
 */
export function releaseCappedQuery(
  path: StatementPath,
  frame: Buffer,
  considered: Considered,
  run: Run,
  ceiling: RowCeiling,
): void {
  const { toTarget, state, outcomes, turn } = path;
  const wrapped = state.status === 'I';
  const capped = new Capped(ceiling, makesTable(considered), (end) => (wrapped ? wrap(end) : settle(end)));
  /** Our answer, then ReadyForQuery with the state as it is now. */
  const answer = (response: Buffer): void => {
    outcomes.flush();
    turn.goOn(() => toTarget.answer(response));
  };
  const exceeded = (): void =>
    outcomes.end(run, 'failed', { sqlstate: '42501', reason: tooMany(capped.rows, ceiling) });
  const send = (): void => {
    toTarget.send(
      frame,
      slotFor(SlotKind.Query, { run, changes: path.intake.nameChanges(considered.known), capped }),
    );
    state.endSeries();
    toTarget.commit();
  };
  const settle = (end: CappedEnd): void => {
    if (end === 'exceeded') {
      exceeded();
      turn.goOn(() => {
        toTarget.send(
          NOTHING,
          slotFor(SlotKind.Query, { refusal: refusalResponse(ceiling.refusal(capped.rows)) }),
        );
      });
    } else {
      if (end === 'within') outcomes.end(run, 'completed');
      answer(capped.takeWithheld() ?? NOTHING);
    }
  };
  const wrap = (end: CappedEnd): void => {
    const finishing = end === 'within' ? 'COMMIT' : 'ROLLBACK';
    const finished = (result: OwnResult): void => {
      if (end === 'failed') return answer(NOTHING);
      if (end === 'exceeded') {
        exceeded();
        return answer(refusalResponse(ceiling.refusal(capped.rows)));
      }
      if (result.ok) {
        outcomes.end(run, 'completed');
        return answer(capped.takeWithheld() ?? NOTHING);
      }
      // A deferred constraint, say: the server's own error is the statement's.
      const response = result.response ?? NOTHING;
      const sqlstate = response.length === 0 ? undefined : readErrorFields(response).get('C');
      outcomes.end(run, 'failed', { sqlstate, reason: 'the target gave an error' });
      answer(response);
    };
    path.ask(finishing, finished, { run });
  };
  if (!wrapped) return send();
  const begun = (result: OwnResult): void => {
    if (result.ok) return send();
    outcomes.end(run, 'failed', { sqlstate: '58030', reason: 'the target began no transaction' });
    answer(result.response ?? NOTHING);
  };
  path.ask('BEGIN', begun, { run });
}

/**
 * The same of an Execute: `send` sends it with its slot. The implicit transaction it is part of ends with
 * the client's Sync, which waits; above the ceiling an error of ours takes everything back.
 */
export function releaseCappedExecute(
  path: StatementPath,
  considered: Considered,
  run: Run,
  ceiling: RowCeiling,
  send: (capped: Capped) => void,
): void {
  const { outcomes, turn, toTarget } = path;
  const capped: Capped = new Capped(ceiling, makesTable(considered), (end) =>
    turn.goOn(() => {
      if (end !== 'exceeded') return;
      outcomes.end(run, 'failed', { sqlstate: '42501', reason: tooMany(capped.rows, ceiling) });
      refuseExtended(path, ceiling.refusal(capped.rows));
    }),
  );
  send(capped);
  toTarget.send(FLUSH);
  toTarget.commit();
}

const tooMany = (rows: number, ceiling: RowCeiling): string =>
  `row ceiling: ${rows} rows changed, at most ${ceiling.maxRows} approved; rolled back`;
