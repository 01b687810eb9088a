import type { TrustedKeys } from '#libs/contracts/event-signature.js';
import { partitionOf } from '#libs/contracts/topics.js';
import type { EventLog, LogRecord, Subscription } from '#libs/event-log/port.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Logger } from '#libs/observability/logger.js';
import type { Spool } from '../spool/spool.js';
import {
  decisionProblem,
  readDecision,
  type Decision,
  type DecisionProblem,
  type Progress,
  type Receipt,
} from './decision-check.js';
import type { HeldRequests } from './held-requests.js';

export interface DecisionInboxOptions {
  readonly gatewayId: string;
  readonly tenant: string;
  readonly trusted: TrustedKeys;
  readonly held: HeldRequests;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly logger: Logger;
  readonly rejected: (reason: DecisionProblem) => void;
}

interface Problem {
  readonly reason: DecisionProblem;
  readonly detail: string;
}

/** Takes decisions from the event log: those that pass every check go to their statement, the others into the record. */
export class DecisionInbox {
  constructor(private readonly options: DecisionInboxOptions) {}

  /** Resolves when the position is fixed: every decision appended after that arrives. */
  start(log: EventLog, onFatal: (error: Error) => void): Promise<Subscription> {
    const { gatewayId } = this.options;
    return log.tail({
      topic: 'decisions',
      partition: partitionOf('decisions', gatewayId),
      reader: `gateway-${gatewayId}`,
      from: 'end',
      onRecord: (record) => this.receive(record),
      onFatal,
    });
  }

  receive(record: LogRecord): void {
    const { gatewayId, trusted, held } = this.options;
    const ours = record.key?.toString('utf8') === gatewayId;
    if (record.value === null) {
      if (ours) this.reject('malformed', 'it is empty', {});
      return;
    }
    const reading = readDecision(record.value, trusted);
    if (!reading.ok) {
      // The partition is shared with other gateways, who report what is meant for them.
      if (ours || (reading.requestId !== undefined && held.find(reading.requestId) !== undefined))
        this.reject(reading.reason, reading.detail, reading);
      return;
    }
    const { decision } = reading;
    switch (decision.type) {
      case 'receipt.issued':
        return this.receipt(decision, ours);
      case 'hold.progressed':
        return this.progress(decision);
      case 'decision.issued':
        this.decision(decision, ours);
    }
  }

  /** Releases nothing, so nothing is rejected: what is not for a statement held here now is of no use. */
  private progress(progress: Progress): void {
    const { gatewayId, tenant, held } = this.options;
    if (progress.gatewayId === gatewayId && progress.tenant === tenant)
      held.find(progress.requestId)?.progressed(progress);
  }

  private decision(decision: Decision, ours: boolean): void {
    const { gatewayId, held } = this.options;
    const statement = held.find(decision.requestId);
    if (decision.gatewayId !== gatewayId && !ours && statement === undefined) return;
    const problem =
      this.problemOf(decision) ??
      (statement === undefined ? this.unknown(held.wasHeld(decision.requestId)) : undefined) ??
      digestProblem(statement, decision);
    if (problem !== undefined) return this.reject(problem.reason, problem.detail, decision);
    if (statement?.decide(decision) === true) held.use(decision.id);
    else this.reject('late', 'the statement was past deciding', decision);
  }

  /** The same of the answer to an attempt. One that says no or not yet is no grant: being late is no offence. */
  private receipt(receipt: Receipt, ours: boolean): void {
    const { gatewayId, held } = this.options;
    const attempt = held.findAttempt(receipt.intentId);
    if (receipt.gatewayId !== gatewayId && !ours && attempt === undefined) return;
    const late = held.wasAttempted(receipt.intentId);
    if (late && receipt.verdict !== 'consumed' && receipt.gatewayId === gatewayId) return;
    const problem =
      this.problemOf(receipt) ??
      (attempt === undefined ? this.unknown(late) : undefined) ??
      digestProblem(attempt, receipt);
    if (problem !== undefined) return this.reject(problem.reason, problem.detail, receipt);
    if (attempt?.answer(receipt) === true) held.use(receipt.id);
    else this.reject('late', 'the statement was past deciding', receipt);
  }

  private problemOf(decision: Decision | Receipt): Problem | undefined {
    const { gatewayId, tenant, held, clock } = this.options;
    return decisionProblem(decision, {
      gatewayId,
      tenant,
      now: clock.now(),
      used: (id) => held.wasUsed(id),
    });
  }

  private unknown(past: boolean): Problem {
    return past
      ? { reason: 'late', detail: 'the hold had ended' }
      : { reason: 'unknown-request', detail: 'no such request is held here' };
  }

  private reject(reason: DecisionProblem, detail: string, of: { id?: string; requestId?: string }): void {
    const { spool, clock, newId, logger } = this.options;
    this.options.rejected(reason);
    logger.warn({ reason, decisionId: of.id, requestId: of.requestId }, 'a decision was rejected');
    const event = {
      id: newId(),
      type: 'decision.rejected',
      schemaVersion: 1,
      time: new Date(clock.now()).toISOString(),
      ...(of.requestId === undefined ? {} : { requestId: of.requestId }),
      ...(of.id === undefined ? {} : { decisionEventId: of.id }),
      reason,
      detail: detail.slice(0, 1024),
    };
    spool.append([{ topic: 'statements', key: spool.state().producer, signed: false, event }], (error) => {
      if (error !== undefined)
        logger.error({ err: error, reason }, 'the rejection of a decision cannot be recorded');
    });
  }
}

const digestProblem = (
  asked: { readonly digest: string } | undefined,
  decision: { readonly digest: string },
): Problem | undefined =>
  asked === undefined || asked.digest === decision.digest
    ? undefined
    : { reason: 'digest-differs', detail: 'it is for other bytes or another state than what is held' };
