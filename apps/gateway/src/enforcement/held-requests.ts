import type { Decision, Progress, Receipt } from './decision-check.js';

/** A statement that is held and can be decided on. */
export interface Held {
  readonly requestId: string;
  /** Of what was asked for, hexadecimal. */
  readonly digest: string;
  /** Acts on a decision that passed every check; false when it is past deciding. */
  decide(decision: Decision): boolean;
  /** Tells the client how far the review has come. */
  progressed(progress: Progress): void;
}

/** A statement whose client does not wait, while it asks whether it may run. */
export interface Attempt {
  readonly intentId: string;
  /** Of what was asked for, hexadecimal. */
  readonly digest: string;
  /** Acts on a receipt that passed every check; false when it is past deciding. */
  answer(receipt: Receipt): boolean;
}

/** How many past decisions and requests are remembered, to call a late or replayed one by its name. */
const REMEMBERED = 10_000;

/** What is held in this process now. A decision is used at most once in its life; the spool remembers beyond it. */
export class HeldRequests {
  private readonly held = new Map<string, Held>();
  private readonly past = new Set<string>();
  private readonly usedDecisions = new Set<string>();
  private readonly attempts = new Map<string, Attempt>();
  private readonly pastAttempts = new Set<string>();

  add(held: Held): void {
    this.held.set(held.requestId, held);
  }

  remove(requestId: string): void {
    if (this.held.delete(requestId)) remember(this.past, requestId);
  }

  find(requestId: string): Held | undefined {
    return this.held.get(requestId);
  }

  wasHeld(requestId: string): boolean {
    return this.past.has(requestId);
  }

  addAttempt(attempt: Attempt): void {
    this.attempts.set(attempt.intentId, attempt);
  }

  removeAttempt(intentId: string): void {
    if (this.attempts.delete(intentId)) remember(this.pastAttempts, intentId);
  }

  findAttempt(intentId: string): Attempt | undefined {
    return this.attempts.get(intentId);
  }

  wasAttempted(intentId: string): boolean {
    return this.pastAttempts.has(intentId);
  }

  use(decisionId: string): void {
    remember(this.usedDecisions, decisionId);
  }

  wasUsed(decisionId: string): boolean {
    return this.usedDecisions.has(decisionId);
  }

  get size(): number {
    return this.held.size;
  }
}

function remember(set: Set<string>, id: string): void {
  set.add(id);
  if (set.size > REMEMBERED) for (const oldest of set) return void set.delete(oldest);
}
