import { randomBytes } from 'node:crypto';
import { CodedError } from '#libs/kernel/coded-error.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { EventLog, LogRecord, PartitionHandler, TopicPartition } from '#libs/event-log/port.js';
import { chainName, type Chain } from '#libs/ledger/chain.js';
import type { Logger } from '#libs/observability/logger.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { appendBatch } from './append-batch.js';
import type { ChainState } from './chain-state.js';
import { claimChain } from './claim-chain.js';
import { findSealed } from './find-sealed.js';
import type { IngestMetrics } from './ingest-metrics.js';
import { readRecord } from './read-record.js';
import { sealBatch, type SealedBatch, type SealedEvent } from './seal-batch.js';

/** One transaction holds this much at most; a larger delivery becomes several. */
const MAX_BATCH_RECORDS = 1_000;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

export interface LedgerIngestOptions {
  readonly query: BulkQuery;
  readonly log: Pick<EventLog, 'clusterId' | 'topicId' | 'endOffset'>;
  readonly chains: readonly Chain[];
  readonly tenant: string;
  /** Names this process in the chain's head: a UUID made at its start. */
  readonly writer: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: IngestMetrics;
}

/**
 * Seals every record of every partition into its chain, exactly once: the position and the fence are the
 * ledger's own, in the transaction of the entries. Back-pressure is the port's: a rejection pauses the
 * partition, and the same records come again.
 */
export class LedgerIngest implements PartitionHandler {
  private readonly chains: ReadonlyMap<string, Chain>;
  private readonly claimed = new Map<string, ChainState>();
  private readonly problems = new Map<string, string>();

  constructor(private readonly options: LedgerIngestOptions) {
    this.chains = new Map(options.chains.map((chain) => [chain.name, chain]));
  }

  /** Why a chain cannot be sealed now, for /readyz; undefined when all can. */
  problem(): string | undefined {
    return [...this.problems.values()][0];
  }

  claim(partition: TopicPartition): Promise<bigint> {
    return this.watched(partition, () => this.takeOver(partition));
  }

  handle(partition: TopicPartition, records: readonly LogRecord[]): Promise<'stored' | 'fenced'> {
    return this.watched(partition, () => this.seal(partition, records));
  }

  private async takeOver(partition: TopicPartition): Promise<bigint> {
    const { query, log, writer, logger } = this.options;
    const name = chainName(partition.topic, partition.partition);
    const chain = this.chains.get(name);
    if (chain === undefined) throw new CodedError('NO_CHAIN', `there is no chain for ${name}`);
    this.claimed.delete(name);
    const source = {
      cluster: log.clusterId,
      topicId: log.topicId(partition.topic),
      partition: partition.partition,
    };
    const state = await claimChain(query, chain, writer, source);
    const end = await log.endOffset(partition);
    if (end < state.nextOffset) {
      throw new CodedError(
        'SOURCE_REGRESSION',
        `${name}: the event log ends at ${end}, but ${state.nextOffset - 1n} is sealed: it was restored or replaced (deploy/runbooks/event-log-regressed.md)`,
      );
    }
    this.claimed.set(name, state);
    logger.info({ chain: name, epoch: Number(state.epoch), size: Number(state.size) }, 'chain claimed');
    return state.nextOffset;
  }

  private async seal(partition: TopicPartition, records: readonly LogRecord[]): Promise<'stored' | 'fenced'> {
    const name = chainName(partition.topic, partition.partition);
    let state = this.claimed.get(name);
    if (state === undefined) return 'fenced';
    const from = state.nextOffset;
    // A commit whose answer was lost: its records come again and are stored already.
    const fresh = records.filter((record) => record.offset >= from);
    for (const part of inParts(fresh)) {
      // Until the commit is certain this process knows nothing of the chain.
      this.claimed.delete(name);
      const batch = await this.append(state, part);
      if (batch === 'fenced') {
        this.options.logger.warn({ chain: name }, 'fenced: another process has claimed the chain');
        this.options.metrics.fenced.inc({ chain: name });
        return 'fenced';
      }
      state = batch.next;
      this.claimed.set(name, state);
      this.report(name, batch);
    }
    return 'stored';
  }

  /** Ids are looked up only after the unique index refused the batch: that is rare, and costs nothing else. */
  private async append(state: ChainState, records: readonly LogRecord[]): Promise<SealedBatch | 'fenced'> {
    const { query, clock, tenant } = this.options;
    let sealed: ReadonlyMap<string, SealedEvent> = new Map();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const batch = sealBatch(state, records, {
        tenant,
        now: BigInt(clock.now()) * 1000n,
        salts: randomBytes(32 * records.length),
        sealed,
      });
      const appended = await appendBatch(query, state, batch);
      if (appended === 'stored') return batch;
      if (appended === 'fenced') return 'fenced';
      sealed = await findSealed(query, eventIdsOf(records));
    }
    throw new CodedError('EVENT_ID_TAKEN', `${state.name}: an event id was refused again and again`);
  }

  private report(name: string, batch: SealedBatch): void {
    const { logger, metrics } = this.options;
    metrics.sealed.inc({ chain: name }, batch.entries.length);
    for (const { seq, offset, problem } of batch.poisoned) {
      metrics.poisoned.inc({ chain: name });
      logger.warn(
        { chain: name, seq: Number(seq), offset: Number(offset), problem },
        'a record was sealed as poison',
      );
    }
    for (const { seq, kind, detail } of batch.findings) {
      metrics.findings.inc({ chain: name, kind });
      logger.error({ chain: name, seq: Number(seq), kind, detail }, 'finding');
    }
  }

  private async watched<T>(partition: TopicPartition, work: () => Promise<T>): Promise<T> {
    const name = chainName(partition.topic, partition.partition);
    try {
      const result = await work();
      this.problems.delete(name);
      return result;
    } catch (error) {
      this.claimed.delete(name);
      const problem = error instanceof Error ? error.message : String(error);
      if (this.problems.get(name) !== problem)
        this.options.logger.error({ err: error, chain: name }, 'sealing failed');
      this.problems.set(name, problem);
      this.options.metrics.failures.inc({ chain: name });
      throw error;
    }
  }
}

const eventIdsOf = (records: readonly LogRecord[]): string[] =>
  records.flatMap((record) => {
    const read = readRecord(record.value);
    return read.ok ? [read.event.eventId] : [];
  });

/** Parts that fit one transaction. */
function* inParts(records: readonly LogRecord[]): Generator<readonly LogRecord[]> {
  let part: LogRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const length = record.value?.length ?? 0;
    if (part.length > 0 && (part.length >= MAX_BATCH_RECORDS || bytes + length > MAX_BATCH_BYTES)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(record);
    bytes += length;
  }
  if (part.length > 0) yield part;
}
