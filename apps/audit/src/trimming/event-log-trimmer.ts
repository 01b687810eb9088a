import { setTimeout as sleep } from 'node:timers/promises';
import { TOPIC_NAMES, TOPICS } from '#libs/contracts/topics.js';
import type { EventLog, TopicPartition } from '#libs/event-log/port.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { chainName, type Chain } from '#libs/ledger/chain.js';
import type { Logger } from '#libs/observability/logger.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

export interface TrimmerOptions {
  readonly query: BulkQuery;
  readonly log: Pick<EventLog, 'clusterId' | 'topicId' | 'trim'>;
  readonly chains: readonly Chain[];
  /** A record stays this long at least, sealed or not, in milliseconds. */
  readonly keepMs: number;
  readonly everyMs: number;
  readonly logger: Logger;
}

/**
 * Trims the event log below what is sealed. How far the other groups have read and what is still young
 * is the log's to know: it keeps more than it is asked to remove. Any of several audit processes may do it.
 */
export class EventLogTrimmer {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly options: TrimmerOptions) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** One round over all partitions. */
  async trimAll(): Promise<void> {
    const sealed = await this.sealedOffsets();
    for (const topic of TOPIC_NAMES) {
      for (let partition = 0; partition < TOPICS[topic].partitions; partition += 1) {
        const at: TopicPartition = { topic, partition };
        const below = sealed.get(chainName(topic, partition));
        if (below === undefined || this.stopping.signal.aborted) continue;
        const first = await this.options.log.trim(at, below, this.options.keepMs);
        this.options.logger.debug(
          { ...at, first: Number(first), sealed: Number(below) },
          'event log trimmed',
        );
      }
    }
  }

  private async run(): Promise<void> {
    const { everyMs, logger } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.trimAll();
      } catch (error) {
        // Nothing is lost by a log that stays longer than it has to.
        logger.warn({ error: messageOf(error) }, 'the event log was not trimmed');
      }
    }
  }

  /** By chain: the next offset of this log to be sealed. Another log's, that was read before, counts for nothing. */
  private async sealedOffsets(): Promise<Map<string, bigint>> {
    const { query, log, chains } = this.options;
    const names = new Map(chains.map(({ chain, name }) => [String(chain), name]));
    const rows = await query<{ chain: string; topic_id: string; next_offset: string }>(
      'SELECT chain::text, topic_id, next_offset::text FROM ledger.consumer_offsets WHERE cluster = $1',
      [log.clusterId],
    );
    const topicIds = new Map(
      TOPIC_NAMES.flatMap((topic) =>
        Array.from({ length: TOPICS[topic].partitions }, (_, partition) => [
          chainName(topic, partition),
          log.topicId(topic),
        ]),
      ),
    );
    const sealed = new Map<string, bigint>();
    for (const { chain, topic_id, next_offset } of rows) {
      const name = names.get(chain);
      if (name !== undefined && topicIds.get(name) === topic_id) sealed.set(name, BigInt(next_offset));
    }
    return sealed;
  }
}
