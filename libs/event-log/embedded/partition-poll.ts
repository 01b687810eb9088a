import type { Logger } from 'pino';
import { messageOf } from '#libs/kernel/coded-error.js';
import { partitionKey } from '../partition-key.js';
import type { TopicPartition } from '../port.js';
import type { Connection } from './connection.js';
import { listBounds, type Bounds } from './log-queries.js';
import { WakeUp } from './wake-up.js';

/** Notifications come at once; the poll is for those that got lost. */
const LISTENING_MS = 2_000;
const NOT_LISTENING_MS = 500;

type Look = (bounds: Bounds) => void;

/** Asks where the log ends, for all partitions that anybody reads in one query, and tells the readers. */
export class PartitionPoll {
  private readonly readers = new Map<string, { readonly at: TopicPartition; readonly looks: Set<Look> }>();
  private readonly wakeUp = new WakeUp();
  private running: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly connection: Connection,
    private readonly isListening: () => boolean,
    private readonly logger: Logger,
  ) {}

  /** Calls `look` after every poll until the returned function is called. */
  watch(at: TopicPartition, look: Look): () => void {
    const key = partitionKey(at);
    const known = this.readers.get(key) ?? { at, looks: new Set<Look>() };
    known.looks.add(look);
    this.readers.set(key, known);
    this.running ??= this.run();
    return () => {
      known.looks.delete(look);
      if (known.looks.size === 0 && this.readers.get(key) === known) this.readers.delete(key);
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.wakeUp.ring();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.closed) {
      await this.wakeUp.sleep(this.isListening() ? LISTENING_MS : NOT_LISTENING_MS);
      if (this.closed || this.readers.size === 0) continue;
      try {
        await this.poll();
      } catch (error) {
        // The readers meet the same trouble, and say so.
        this.logger.debug({ error: messageOf(error) }, 'could not look at the ends of the event log');
      }
    }
  }

  private async poll(): Promise<void> {
    const topics = new Set([...this.readers.values()].map(({ at }) => at.topic));
    for (const bounds of await listBounds(this.connection, [...topics]))
      for (const look of this.readers.get(partitionKey(bounds))?.looks ?? []) look(bounds);
  }
}
