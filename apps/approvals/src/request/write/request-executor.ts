import type { AnyEvent } from '#libs/contracts/events/registry.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import type { DatabasePool, DatabaseTransactionConnection } from '#libs/postgres/pool.js';
import { isUniqueViolation } from '#libs/postgres/unique-violation.js';
import type { RequestCommand } from '../domain/request-command.js';
import type { Refusal } from '../domain/refusal.js';
import { findEarlier, keepKey, type ClientKey } from './client-key.js';
import { RequestUnit, type Cause, type UnitDependencies } from './request-unit.js';

/** Called after COMMIT with what was stored: wakes the outbox, the waiting and the counters. */
export type Committed = (events: readonly AnyEvent[]) => void;

/** The client's key was used before, for another command. */
export interface KeyReused {
  readonly code: 'key-reused';
}

export type Executed = { readonly ok: true } | { readonly ok: false; readonly refusal: Refusal | KeyReused };

/**
 * How often a transaction starts over when somebody else was first. Each time somebody else did get
 * through, so this many in a row means more than contention.
 */
const MAX_ATTEMPTS = 20;

const STALE: Refusal = {
  code: 'stale',
  message: 'The request has changed since you saw it: look at it again before you decide.',
};

/** Runs transactions on requests. Keeps no state of its own between two of them. */
export class RequestExecutor {
  constructor(
    private readonly pool: DatabasePool,
    private readonly dependencies: UnitDependencies,
    private readonly committed: Committed,
  ) {}

  /**
   * Carries one command out. Safe to repeat with the same client key. Refused as `stale` where
   * `expectedVersion` is given and the request has another by now.
   */
  execute(
    requestId: string,
    command: RequestCommand,
    cause: Cause,
    key?: ClientKey,
    expectedVersion?: number,
  ): Promise<Executed> {
    return this.transact(async (unit, tx): Promise<Executed> => {
      if (key !== undefined) {
        const earlier = await findEarlier(tx, key);
        if (earlier.kind === 'other') return { ok: false, refusal: { code: 'key-reused' } };
        if (earlier.kind === 'same')
          return earlier.refusal === undefined ? { ok: true } : { ok: false, refusal: earlier.refusal };
      }
      if (expectedVersion !== undefined && ![0, expectedVersion].includes(await unit.versionOf(requestId)))
        return { ok: false, refusal: STALE };
      const decided = await unit.apply(requestId, command, cause);
      const refusal = decided.ok ? undefined : decided.refusal;
      if (key !== undefined && (decided.ok || (!key.derived && decided.events.length > 0)))
        await keepKey(tx, key, requestId, refusal);
      return refusal === undefined ? { ok: true } : { ok: false, refusal };
    });
  }

  /**
   * Runs `work` and stores what it queued, in one transaction. Where another writer was first, everything
   * that was read is dropped and `work` runs again. Any other error goes to the caller: after a lost
   * connection it is not known whether the transaction took effect, so whoever repeats it starts from
   * the database again.
   */
  async transact<R>(work: (unit: RequestUnit, tx: DatabaseTransactionConnection) => Promise<R>): Promise<R> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { result, events } = await this.pool.transaction(async (tx) => {
          const unit = new RequestUnit(tx, this.dependencies);
          const done = await work(unit, tx);
          return { result: done, events: await unit.flush() };
        });
        this.committed(events);
        return result;
      } catch (error) {
        if (!isUniqueViolation(error)) throw error;
        if (attempt >= MAX_ATTEMPTS) {
          throw new CodedError('TOO_MUCH_CONTENTION', 'the request is changed by too many at once', {
            cause: error,
            safeToRetry: true,
          });
        }
      }
    }
  }
}
