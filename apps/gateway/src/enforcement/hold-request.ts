import type { BoundStatement } from '#libs/contracts/binding.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
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

/** A statement that must be approved, and how it goes on. Exactly one of `release` and `refuse` is called, once. */
export interface HoldRequest {
  readonly considered: Considered;
  readonly protocol: 'simple' | 'extended';
  readonly bound: BoundStatement;
  readonly parameters: readonly RecordedParameter[] | undefined;
  /** Sends it; everything that must be durable before is. */
  readonly release: (run: Run) => void;
  readonly refuse: (refusal: Refusal) => void;
}

export interface HoldLimits {
  /** Milliseconds a hold lasts where the rule says nothing. */
  readonly outsideTransactionMs: number;
  readonly insideTransactionMs: number;
  readonly noticeEveryMs: number;
}

/** CONTRACT.md, Connecting. */
export const HOLD_LIMITS: HoldLimits = {
  outsideTransactionMs: 15 * 60_000,
  insideTransactionMs: 60_000,
  noticeEveryMs: 30_000,
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
  readonly ask: AskTarget;
  readonly notice: (message: string, detail: string, hint: string) => void;
  /** The hold is over, in whatever way; `heldMs` is how long it lasted. */
  readonly over: (heldMs: number) => void;
}

export type HoldEnd = EventOf<'review.cancelled'>['reason'];
