import type { BoundStatement } from '#libs/contracts/binding.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
import type { Signals } from '#libs/contracts/events/signals.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Considered } from '../postgres/statement-intake.js';
import type { Refusal } from '../postgres/refusal.js';
import type { OutcomeJournal } from '../postgres/outcomes.js';
import type { Run } from '../postgres/run.js';
import type { Spool } from '../spool/spool.js';
import type { HeldRequests } from './held-requests.js';
import type { AskTarget } from './read-binding.js';
import type { RecordedParameter } from './recorded-parameters.js';
import type { Recorder } from './recorder.js';
import type { RowCeiling } from './row-ceiling.js';

/** A statement that must be approved, and how it goes on. Exactly one of `release` and `refuse` is called, once. */
export interface HoldRequest {
  readonly considered: Considered;
  readonly protocol: 'simple' | 'extended' | 'function-call';
  readonly bound: BoundStatement;
  readonly parameters: readonly RecordedParameter[] | undefined;
  /** Why a ceiling on rows cannot be kept; undefined where it can. */
  readonly rowLimitProblem: string | undefined;
  /** Sends it; everything that must be durable before is. */
  readonly release: (run: Run, ceiling: RowCeiling | undefined) => void;
  readonly refuse: (refusal: Refusal) => void;
}

export interface HoldLimits {
  /** Milliseconds a hold lasts where the rule says nothing. */
  readonly outsideTransactionMs: number;
  readonly insideTransactionMs: number;
  readonly noticeEveryMs: number;
  /** How long an attempt of a client that does not wait may take to be answered. */
  readonly retryAnswerMs: number;
}

/** CONTRACT.md, Connecting. */
export const HOLD_LIMITS: HoldLimits = {
  outsideTransactionMs: 15 * 60_000,
  insideTransactionMs: 60_000,
  noticeEveryMs: 30_000,
  retryAnswerMs: 5_000,
};

export interface HoldContext {
  readonly recorder: Recorder;
  readonly spool: Pick<Spool, 'append'>;
  readonly journal: OutcomeJournal;
  readonly held: HeldRequests;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly limits: HoldLimits;
  readonly insideTransaction: boolean;
  /** Seals credentials in bindings; the same for one identity as long as the process lives, and never leaves it. */
  readonly sealingSalt: Buffer;
  readonly ask: AskTarget;
  /** Measures what a reviewer should know; always calls back, within about a second and a half. */
  readonly measure: (request: HoldRequest, done: (signals: Signals | undefined) => void) => void;
  readonly notice: (message: string, detail: string, hint: string) => void;
  /** The hold is over, in whatever way; `heldMs` is how long it lasted. */
  readonly over: (heldMs: number) => void;
}

export type HoldEnd = EventOf<'review.cancelled'>['reason'];
