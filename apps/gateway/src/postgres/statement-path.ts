import type { Clock } from '#libs/kernel/clock.js';
import type { Verdict } from '#libs/policy/policy.js';
import type { Effect } from '#libs/contracts/events/statement-events.js';
import type { Judge } from '../enforcement/judge.js';
import type { Intent, Recorder } from '../enforcement/recorder.js';
import type { HoldRequest } from '../enforcement/hold-request.js';
import type { Outcomes } from './outcomes.js';
import type { OwnResult } from './own-query.js';
import { refusalResponse, type Refusal } from './refusal.js';
import { startRun, type Run } from './run.js';
import type { SessionState } from './session-state.js';
import { SlotKind, slotFor } from './slot.js';
import type { Considered, StatementIntake } from './statement-intake.js';
import type { ToTarget } from './to-target.js';
import type { Turn } from './turn.js';

/** What the messages of one session have in common on their way to the target. */
export interface StatementPath {
  readonly state: SessionState;
  readonly toTarget: ToTarget;
  readonly turn: Turn;
  readonly judge: Judge;
  readonly intake: StatementIntake;
  readonly recorder: Recorder;
  readonly outcomes: Outcomes;
  readonly clock: Clock;
  /** Holds a statement; the turn is taken until the hold has ended. */
  readonly hold: (request: HoldRequest) => void;
  /** Runs a statement of ours on the session's connection, for the run it belongs to if there is one. */
  readonly ask: (
    text: string,
    done: (result: OwnResult) => void,
    of?: { readonly parameters?: readonly string[]; readonly run?: Run },
  ) => void;
  readonly counted: (effect: Effect) => void;
  /** With recording: overlapped. */
  readonly overlapped: boolean;
}

/** The first oid that is not the system's own. */
const FIRST_USER_OID = 16_384;

/**
 * Whether a statement may be in flight before its intent is durable: proven to read and do nothing else, and
 * parameters of the system's own types, since reading a value of any other may run code.
 */
export const mayOverlap = (
  { overlapped }: StatementPath,
  { analysis }: Considered,
  parameterTypes: readonly number[] = [],
): boolean =>
  overlapped &&
  analysis.statements.length > 0 &&
  analysis.statements.every((one) => one.incomplete === undefined && one.resolution?.provenRead === true) &&
  parameterTypes.every((oid) => oid < FIRST_USER_OID);

/** Records an intent and returns its run; both count once the batch they are in is durable. */
export function recordIntent(path: StatementPath, intent: Intent, transactional: boolean): Run {
  path.counted(intent.verdict.effect);
  const draft = path.recorder.intent(intent);
  path.toTarget.recordOne(draft);
  return startRun(draft.event.id, path.clock.monotonic(), { transactional });
}

/** Records an intent that is refused, with its outcome beside it. */
export function recordRefused(path: StatementPath, intent: Intent, refusal: Refusal): void {
  path.counted(intent.verdict.effect);
  const draft = path.recorder.intent(intent);
  path.toTarget.recordOne(draft);
  path.toTarget.record(
    path.recorder.outcome({
      intentId: draft.event.id,
      outcome: 'refused',
      sqlstate: refusal.code,
      reason: intent.verdict.effect === 'deny' ? `rule ${intent.verdict.rule}` : refusal.message,
      durationMs: 0,
    }),
  );
}

/** The verdict on what is refused before any rule can be asked. */
export const unreadable = (rule: string, reason: string): Verdict => ({
  effect: 'deny',
  rule,
  reason,
  reviewers: [],
});

/**
 * Answers a Query with an error. Where nothing is under way and no transaction can fail of it, the target
 * hears nothing of it; elsewhere it fails there in its place.
 */
export function refuseQuery(path: StatementPath, refusal: Refusal): void {
  const { state, toTarget } = path;
  const response = refusalResponse(refusal);
  if (state.slots.length === 0 && toTarget.idle && state.status !== 'T' && !state.seriesOpen)
    toTarget.answer(response);
  else toTarget.send(Buffer.alloc(0), slotFor(SlotKind.Query, { refusal: response }));
  state.endSeries();
}

/** Answers a message of the extended protocol with an error: the rest up to Sync is thrown away. */
export function refuseExtended(path: StatementPath, refusal: Refusal): void {
  path.toTarget.send(Buffer.alloc(0), slotFor(SlotKind.Parse, { refusal: refusalResponse(refusal) }));
  path.state.seriesOpen = true;
  path.state.skipping = true;
}
