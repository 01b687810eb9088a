import type { CodedError } from '#libs/kernel/coded-error.js';
import type { Envelope } from '#libs/contracts/envelope.js';
import type { Topic } from '#libs/contracts/topics.js';

/** An event before the spool gives it its producer, sequence and bytes. `type` and fields as contracts say. */
export interface DraftEvent {
  readonly topic: Topic;
  readonly key: string;
  /** Signed with the gateway's key: intents of held statements and every event on `requests`. */
  readonly signed: boolean;
  readonly event: Omit<Envelope, 'producer' | 'producerSeq' | 'tenant'> & Readonly<Record<string, unknown>>;
}

/** What is known of the spool right now, for readiness and metrics. */
export interface SpoolState {
  readonly producer: string;
  readonly pendingBytes: number;
  readonly undrainedRecords: number;
  /**
   * Set for ever once a write or sync failed (SPOOL_BROKEN) or what was written cannot be read back
   * (SPOOL_DAMAGED): nothing more is recorded, so nothing more runs. Every later append gets it.
   */
  readonly broken: CodedError | undefined;
}

/**
 * The gateway's durable record. `append` assigns producer sequences in the order of the calls, and calls
 * `durable` once every event given is on the disk (fdatasync, shared by all that wait: group commit), in
 * the order of the calls. With an error (SPOOL_FULL, SPOOL_BROKEN, SPOOL_CLOSED, RECORD_TOO_LARGE) nothing of this call
 * counts as recorded: the statement must not run. `durable` is never called before append returns.
 *
 * `until`: `disk` (the default), or `log`: durable only once the event log has acknowledged it too. Where that
 * takes too long the error is NOT_REPLICATED: then the events *are* recorded, and what must not run needs its
 * outcome all the same.
 */
export interface Spool {
  append(events: readonly DraftEvent[], durable: (error?: CodedError) => void, until?: 'disk' | 'log'): void;
  state(): SpoolState;
  /** Resolves when everything appended so far is in the event log, or after `drainMs`; then closes. */
  close(drainMs: number): Promise<void>;
}
