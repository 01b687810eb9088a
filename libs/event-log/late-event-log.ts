import { setTimeout as sleep } from 'node:timers/promises';
import type { Topic } from '#libs/contracts/topics.js';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import type { Logger } from '#libs/observability/logger.js';
import type {
  EventLog,
  EventLogFigures,
  EventLogProducer,
  GroupOptions,
  Subscription,
  TailOptions,
  TopicPartition,
} from './port.js';

const RETRY_MS = 1_000;

/**
 * An event log that did not answer at the start and is opened when it does. Until then whatever asks it
 * waits. Readers come first: what was asked to be read before is being read when the first producer is
 * there, so that no answer to what is appended comes before its reader.
 */
export class LateEventLog implements EventLog {
  private log: EventLog | undefined;
  private readonly opening: Promise<EventLog>;
  private readonly readers: Promise<unknown>[] = [];
  private readonly ending = new AbortController();
  /** Why it is not there; undefined once it is. */
  problem: string | undefined;

  constructor(
    readonly kind: EventLog['kind'],
    /** The error of the start. */
    private readonly cause: Error,
    open: () => Promise<EventLog>,
    logger: Logger,
  ) {
    this.problem = messageOf(cause);
    this.opening = this.keepOpening(open, logger);
    this.opening.catch(() => undefined);
  }

  get clusterId(): string {
    return this.there().clusterId;
  }

  topicId(topic: Topic): string {
    return this.there().topicId(topic);
  }

  async ensureTopics(): Promise<void> {
    await this.opening;
  }

  async producer(): Promise<EventLogProducer> {
    const log = await this.opening;
    await Promise.allSettled(this.readers);
    return log.producer();
  }

  async consume(options: GroupOptions): Promise<Subscription> {
    return (await this.opening).consume(options);
  }

  tail(options: TailOptions): Promise<Subscription> {
    const tailing = this.opening.then((log) => log.tail(options));
    if (this.log === undefined) this.readers.push(tailing);
    return tailing;
  }

  async endOffset(partition: TopicPartition): Promise<bigint> {
    return (await this.opening).endOffset(partition);
  }

  async trim(partition: TopicPartition, below: bigint, keepMs: number): Promise<bigint> {
    return (await this.opening).trim(partition, below, keepMs);
  }

  figures(): EventLogFigures {
    return this.log?.figures() ?? { queuedRecords: 0, queuedBytes: 0, retries: 0, groups: [] };
  }

  /** What it promises has to be known before anything relies on it: rejects as the start did. */
  acknowledgingReplicas(): Promise<number | undefined> {
    if (this.log !== undefined) return this.log.acknowledgingReplicas();
    return this.kind === 'kafka' ? Promise.reject(this.cause) : Promise.resolve(undefined);
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.opening.then(
      (log) => log.close(),
      () => undefined,
    );
  }

  private there(): EventLog {
    if (this.log === undefined) throw new CodedError('EVENT_LOG_AWAY', 'the event log was not reached yet');
    return this.log;
  }

  private async keepOpening(open: () => Promise<EventLog>, logger: Logger): Promise<EventLog> {
    const { signal } = this.ending;
    for (;;) {
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw new CodedError('EVENT_LOG_CLOSED', 'the event log is closed');
      try {
        this.log = await open();
        this.problem = undefined;
        logger.info('the event log answers');
        return this.log;
      } catch (error) {
        this.problem = messageOf(error);
        logger.warn({ err: error }, 'the event log does not answer');
      }
    }
  }
}
