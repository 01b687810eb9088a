import { randomBytes } from 'node:crypto';
import { CodedError } from '#libs/kernel/coded-error.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { EventLog, LogRecord, PartitionHandler, TopicPartition } from '#libs/event-log/port.js';
import { chainName, type Chain } from '#libs/ledger/chain.js';
import { HASH_BYTES } from '#libs/tlog/hashing.js';
import type { Logger } from '#libs/observability/logger.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { appendBatch } from './append-batch.js';
import { batchesOf } from './batches.js';
import type { ChainState } from './chain-state.js';
import { claimChain } from './claim-chain.js';
import { findSealed } from './find-sealed.js';
import type { IngestMetrics } from './ingest-metrics.js';
import { readRecord } from './read-record.js';
import { sealBatch, type SealedBatch, type SealedEntry, type SealedEvent } from './seal-batch.js';

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
  /** Why nothing may be sealed now; asked before each batch. */
  readonly halted?: () => string | undefined;
  /** Told of the entries of a chain once they are certainly stored, in order. */
  readonly onSealed?: (chain: number, entries: readonly SealedEntry[]) => void;
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
    const claimed = this.claimed.get(name);
    if (claimed === undefined) return 'fenced';
    let state: ChainState = claimed;
    const from = state.nextOffset;
    // A commit whose answer was lost: its records come again and are stored already.
    const parts = [...batchesOf(records.filter((record) => record.offset >= from))];
    let ahead: SealedBatch | undefined;
    for (const [index, part] of parts.entries()) {
      // Until the commit is certain this process knows nothing of the chain.
      this.claimed.delete(name);
      const first: SealedBatch = ahead ?? this.sealed(state, part);
      const [stored, next]: [SealedBatch | 'fenced', SealedBatch | undefined] = await Promise.all([
        this.append(state, part, first),
        this.sealAhead(first.next, parts[index + 1]),
      ]);
      if (stored === 'fenced') {
        this.options.logger.warn({ chain: name }, 'fenced: another process has claimed the chain');
        this.options.metrics.fenced.inc({ chain: name });
        return 'fenced';
      }
      // A batch that had to be sealed again is followed by others than were foreseen.
      ahead = stored === first ? next : undefined;
      state = stored.next;
      this.claimed.set(name, state);
      this.report(name, stored);
      this.options.onSealed?.(state.chain, stored.entries);
    }
    return 'stored';
  }

  private sealed(
    state: ChainState,
    records: readonly LogRecord[],
    sealed: ReadonlyMap<string, SealedEvent> = new Map(),
  ): SealedBatch {
    return sealBatch(state, records, {
      tenant: this.options.tenant,
      now: BigInt(this.options.clock.now()) * 1000n,
      salt: salts(records.length),
      sealed,
    });
  }

  /** Hashes the next batch while the database stores the one before; nothing is known of it until that is done. */
  private async sealAhead(
    state: ChainState,
    records: readonly LogRecord[] | undefined,
  ): Promise<SealedBatch | undefined> {
    if (records === undefined) return undefined;
    // The statement under way is sent first.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      return this.sealed(state, records);
    } catch {
      // It is sealed in its turn, and fails there.
      return undefined;
    }
  }

  /** Ids are looked up only after the unique index refused the batch: that is rare, and costs nothing else. */
  private async append(
    state: ChainState,
    records: readonly LogRecord[],
    first: SealedBatch,
  ): Promise<SealedBatch | 'fenced'> {
    const { query } = this.options;
    let batch = first;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const appended = await appendBatch(query, state, batch);
      if (appended === 'stored') return batch;
      if (appended === 'fenced') return 'fenced';
      batch = this.sealed(state, records, await findSealed(query, eventIdsOf(records)));
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
      const halted = this.options.halted?.();
      if (halted !== undefined) throw new CodedError('HALTED', halted);
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

/** Salts from one block of randomness; the few beyond the number foreseen are made one by one. */
function salts(foreseen: number): () => Buffer {
  const block = randomBytes(HASH_BYTES * foreseen);
  let at = 0;
  return () => (at < block.length ? block.subarray(at, (at += HASH_BYTES)) : randomBytes(HASH_BYTES));
}

const eventIdsOf = (records: readonly LogRecord[]): string[] =>
  records.flatMap((record) => {
    const read = readRecord(record.value);
    return read.ok ? [read.event.eventId] : [];
  });
