import type { Outcome } from '#libs/contracts/events/statement-events.js';

import type { CopiedData } from './copied-data.js';

/** An intent that is durable or about to be, until its outcome is known. Ends once. */
export interface Run {
  readonly intentId: string;
  readonly requestId: string | undefined;
  readonly startedAt: number;
  /** It moves the transaction: what ran before it may already be committed. */
  readonly transactional: boolean;
  /** As the tags of its completed statements count them. */
  rows: number;
  /** DataRows since the last completion. */
  seen: number;
  tag: string | undefined;
  /** Of a COPY. */
  copied: CopiedData | undefined;
  ended: RunEnd | undefined;
  /** False once recording failed: then there is no intent to give an outcome to. */
  recorded: boolean;
}

export interface RunEnd {
  outcome: Outcome;
  sqlstate?: string | undefined;
  reason?: string | undefined;
  readonly durationMs: number;
}

export const startRun = (
  intentId: string,
  now: number,
  options: { requestId?: string | undefined; transactional?: boolean } = {},
): Run => ({
  intentId,
  requestId: options.requestId,
  startedAt: now,
  transactional: options.transactional ?? false,
  rows: 0,
  seen: 0,
  tag: undefined,
  copied: undefined,
  ended: undefined,
  recorded: true,
});
