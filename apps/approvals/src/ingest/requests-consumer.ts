import { z } from 'zod';
import type { GatewayTies } from '#libs/contracts/gateway-ties.js';
import type { TrustedKeys } from '#libs/contracts/event-signature.js';
import type { LogRecord, PartitionHandler, TopicPartition } from '#libs/event-log/port.js';
import type { Clock } from '#libs/kernel/clock.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import type { Logger } from '#libs/observability/logger.js';
import { sql, type DatabasePool, type DatabaseTransactionConnection } from '#libs/postgres/pool.js';
import type { RequestCommand } from '../request/domain/request-command.js';
import type { RequestExecutor } from '../request/write/request-executor.js';
import type { RequestUnit } from '../request/write/request-unit.js';
import type { Planned, ReviewPlanner } from '../routing/review-planner.js';
import { checkQuestion, checkReview, type CheckedReview, type Rejection } from './check-review.js';
import { keepBinding } from './keep-binding.js';
import { openCommand } from './open-command.js';
import { keepPart, ReviewParts } from './review-parts.js';
import { requestOfAttempt, takeAttempt, type OpenedForRetry } from './take-attempt.js';

export interface RequestsConsumerDependencies {
  readonly pool: DatabasePool;
  readonly executor: RequestExecutor;
  readonly planner: ReviewPlanner;
  readonly gatewayKeys: TrustedKeys;
  readonly gatewayTies?: GatewayTies | undefined;
  readonly tenant: string;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly logger: Logger;
  /** Names the log and the topic, so that positions in one are never taken for another's. */
  readonly source: { readonly log: string; readonly topicId: string };
  readonly onRejected: (rejection: Rejection) => void;
}

type Asked = Extract<CheckedReview, { kind: 'asked' }>;
type Told = Extract<CheckedReview, { kind: 'told' }>['event'];

/** What one transaction works with. */
interface Batch {
  readonly plans: ReadonlyMap<string, Planned>;
  readonly unit: RequestUnit;
  readonly tx: DatabaseTransactionConnection;
  readonly opened: OpenedForRetry;
}

/**
 * Reads `requests`. Position and epoch live in approvals.positions and move in the transaction that
 * stores what a batch led to: whatever is killed or delivered twice, each record takes effect once.
 */
export class RequestsConsumer implements PartitionHandler {
  private readonly epochs = new Map<number, bigint>();
  /** Partitions whose last batch could not be stored, and since when (monotonic). */
  private readonly failing = new Map<number, number>();

  constructor(private readonly dependencies: RequestsConsumerDependencies) {}

  async claim({ partition }: TopicPartition): Promise<bigint> {
    const { pool, source } = this.dependencies;
    const row = await pool.one(sql.type(z.object({ epoch: z.bigint(), next_offset: z.bigint() }))`
      INSERT INTO approvals.positions AS held (log, topic_id, partition, epoch, next_offset)
      VALUES (${source.log}, ${source.topicId}, ${partition}, 1, 0)
      ON CONFLICT (log, topic_id, partition) DO UPDATE SET epoch = held.epoch + 1
      RETURNING epoch, next_offset`);
    this.epochs.set(partition, row.epoch);
    return row.next_offset;
  }

  /** Milliseconds for which some partition has not got on; undefined while all is well. */
  failingFor(): number | undefined {
    const since = [...this.failing.values()];
    return since.length === 0 ? undefined : performance.now() - Math.min(...since);
  }

  async handle(at: TopicPartition, records: readonly LogRecord[]): Promise<'stored' | 'fenced'> {
    try {
      const result = await this.store(at, records);
      this.failing.delete(at.partition);
      return result;
    } catch (error) {
      if (!this.failing.has(at.partition)) this.failing.set(at.partition, performance.now());
      throw error;
    }
  }

  private async store(
    { partition }: TopicPartition,
    records: readonly LogRecord[],
  ): Promise<'stored' | 'fenced'> {
    const last = records.at(-1);
    if (last === undefined) return 'stored';
    const epoch = this.epochs.get(partition);
    if (epoch === undefined) return 'fenced';
    const { executor } = this.dependencies;
    const checked = await this.check(records);
    // Made before the transaction: the shelf has a connection of its own, and policies only ever appear.
    const plans = await this.plansOf(checked.filter((review) => review.kind === 'asked'));
    const rejections: Rejection[] = [];
    try {
      await executor.transact(async (unit, tx) => {
        rejections.length = 0;
        const batch: Batch = { plans, unit, tx, opened: new Map() };
        for (const review of checked) {
          const rejection = await this.take(review, batch);
          if (rejection === undefined) continue;
          rejections.push(rejection);
          unit.publish(this.rejectionDraft(rejection));
        }
        unit.afterAppend(() => this.moveOn(tx, partition, epoch, last.offset + 1n));
      });
    } catch (error) {
      if (!(error instanceof Fenced)) throw error;
      this.epochs.delete(partition);
      return 'fenced';
    }
    for (const rejection of rejections) this.dependencies.onRejected(rejection);
    return 'stored';
  }

  /** Of the parts of a long question those before this batch are stored, and committed. */
  private async check(records: readonly LogRecord[]): Promise<CheckedReview[]> {
    const { pool, clock, gatewayKeys, gatewayTies, tenant } = this.dependencies;
    const parts = new ReviewParts(pool);
    const checked: CheckedReview[] = [];
    for (const record of records) {
      const review = checkReview(record, gatewayKeys, tenant, gatewayTies);
      if (review.kind === 'part') parts.add(review.event);
      checked.push(
        review.kind === 'question'
          ? checkQuestion(review.event, await parts.statementsOf(review.event), clock.now())
          : review,
      );
    }
    return checked;
  }

  private async plansOf(asked: readonly Asked[]): Promise<Map<string, Planned>> {
    const plans = new Map<string, Planned>();
    for (const { event } of asked) {
      const { binding, statement, verdict, signals } = event;
      const { requester, target } = binding;
      const judged = { requester, target, statement, verdict, signals };
      plans.set(event.id, await this.dependencies.planner.plan(judged));
    }
    return plans;
  }

  /** Carries out what one record says; returns why it is rejected, where it is. */
  private take(review: CheckedReview, batch: Batch): Promise<Rejection | undefined> {
    switch (review.kind) {
      case 'rejected':
        return Promise.resolve(review.rejection);
      case 'part':
        batch.unit.afterAppend(() => keepPart(batch.tx, review.event));
        return Promise.resolve(undefined);
      case 'asked':
        return this.takeAsked(review, batch);
      case 'told':
        return this.takeTold(review.event, batch);
    }
  }

  private async takeAsked(asked: Asked, batch: Batch): Promise<Rejection | undefined> {
    const { plans, unit, tx, opened } = batch;
    const { event } = asked;
    const requestId = event.requestId as string;
    const planned = plans.get(event.id);
    if (planned?.kind === 'unknown-rule')
      return rejectionOf(event, `the policy has no rule ${event.verdict.rule.slice(0, 128)} with reviewers`);
    if (planned?.kind === 'unknown-policy') {
      const { policyHash } = event.verdict;
      this.dependencies.logger.warn(
        { requestId, policyHash },
        'a request waits for a policy nobody published',
      );
    }
    const plan = planned?.kind === 'plan' ? planned.plan : undefined;
    if (event.wait === 'retry') {
      const { newId, clock } = this.dependencies;
      const refusal = await takeAttempt(asked, plan, { unit, tx, opened, newId, now: clock.now() });
      return refusal === undefined ? undefined : rejectionOf(event, refusal.message);
    }
    const before = await unit.stateOf(requestId);
    const cause = { identity: event.identity, sessionId: event.sessionId, causationId: event.id };
    const decided = await unit.apply(requestId, openCommand(asked, plan), cause);
    if (!decided.ok) return rejectionOf(event, decided.refusal.message);
    if (before === undefined) unit.afterAppend(() => keepBinding(tx, requestId, event.binding));
    return undefined;
  }

  private async takeTold(event: Told, { unit, tx }: Batch): Promise<Rejection | undefined> {
    const own = event.requestId as string;
    // What became of an attempt belongs to the request whose grant it used, whatever id it was asked under.
    const attempted = await requestOfAttempt(tx, event.intentId);
    const requestId = attempted ?? own;
    const state = await unit.stateOf(requestId);
    if (event.type === 'review.concluded' && state?.gatewayId === event.gatewayId) {
      if (state.wait === 'hold' || state.consumedBy === event.intentId) {
        unit.afterAppend(async () => {
          await tx.query(sql.unsafe`
            UPDATE approvals.requests SET outcome = ${event.outcome} WHERE id = ${requestId}`);
        });
      }
    }
    const command = factCommand(event);
    if (command === undefined) return undefined;
    const { identity, sessionId } = event;
    const decided = await unit.apply(requestId, command, { identity, sessionId, causationId: event.id });
    if (decided.ok) return undefined;
    if (decided.refusal.code !== 'unknown-request') return rejectionOf(event, decided.refusal.message);
    // Its review was rejected, or its hold had ended, when it was asked: nothing is open here.
    this.dependencies.logger.warn({ requestId, type: event.type }, 'an event of a request that is not known');
    return undefined;
  }

  private rejectionDraft(rejection: Rejection) {
    const { requestId, causationId, reason, detail } = rejection;
    return {
      id: this.dependencies.newId(),
      type: 'review.rejected',
      key: requestId ?? 'unknown',
      requestId,
      causationId,
      place: undefined,
      fields: { reason, detail },
    } as const;
  }

  private async moveOn(
    tx: DatabaseTransactionConnection,
    partition: number,
    epoch: bigint,
    nextOffset: bigint,
  ): Promise<void> {
    const { log, topicId } = this.dependencies.source;
    const moved = await tx.query(sql.unsafe`
      UPDATE approvals.positions SET next_offset = ${nextOffset}
      WHERE log = ${log} AND topic_id = ${topicId} AND partition = ${partition} AND epoch = ${epoch}`);
    if (moved.rowCount !== 1) throw new Fenced();
  }
}

/** Rolls the batch back: somebody else has claimed the partition. */
class Fenced extends CodedError {
  constructor() {
    super('FENCED', 'another consumer holds the partition', { safeToRetry: true });
  }
}

const rejectionOf = (event: { id: string; requestId?: string | undefined }, detail: string): Rejection => ({
  reason: 'malformed',
  detail,
  requestId: event.requestId,
  causationId: event.id,
});

/** undefined for what changes no request: how a statement that did run ended is kept beside it. */
function factCommand(event: Told): RequestCommand | undefined {
  const { gatewayId, intentId } = event;
  switch (event.type) {
    case 'review.cancelled':
      return { type: 'cancel', gatewayId, intentId, reason: event.reason };
    case 'review.released':
      return { type: 'consume', gatewayId, intentId, decisionId: event.decisionId, digest: event.digest };
    case 'review.concluded':
      // Ended at the gateway without being used: it drifted, or could not be recorded.
      return event.outcome === 'refused' || event.outcome === 'cancelled'
        ? { type: 'cancel', gatewayId, intentId, reason: `statement ${event.outcome}` }
        : undefined;
  }
}
