import type { Signals } from '#libs/contracts/events/signals.js';
import type { HoldRequest } from '../enforcement/hold-request.js';
import type { AskTarget } from '../enforcement/read-binding.js';
import type { Estimator } from './estimator.js';
import { readLocksHeld } from './locks-held.js';
import { measureSignals } from './measure-signals.js';

/** A question goes out without signals when they take longer. */
const MEASURE_MS = 1_500;

/** The session that holds the statement, as it is now. */
export interface Holding {
  readonly estimator: Estimator;
  readonly searchPath: string;
  readonly insideTransaction: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Asks the target on the session's own connection. */
  readonly ask: AskTarget;
}

/** Measures a statement that is held. What breaks or takes too long is not worth a hold without a question. */
export function measureHeld(
  { considered, bound, rowLimitProblem }: HoldRequest,
  { estimator, searchPath, insideTransaction, now, ask }: Holding,
  done: (signals: Signals | undefined) => void,
): void {
  const { statements } = considered.analysis;
  const { bytes } = considered.known;
  const measure = (locksHeld: Signals['locksHeld']): void => {
    const measured = measureSignals(
      { statements, bytes, bound, rowLimitProblem, searchPath },
      estimator,
      locksHeld,
      new Date(now).toISOString(),
    );
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, MEASURE_MS, undefined).unref());
    void Promise.race([measured, late]).then(done, () => done(undefined));
  };
  if (insideTransaction) readLocksHeld(ask, measure);
  else measure([]);
}
