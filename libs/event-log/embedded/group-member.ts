import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '#libs/kernel/clock.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { partitionKey } from '../partition-key.js';
import type { GroupFigures, GroupOptions, Subscription, TopicPartition } from '../port.js';
import type { Connection } from './connection.js';
import {
  fatalReadError,
  heartbeat,
  reportPositions,
  type HeldPartition,
  type ReadRecords,
} from './log-queries.js';
import type { Notifications } from './notifications.js';
import type { PartitionPoll } from './partition-poll.js';
import { ReadingLoop } from './reading-loop.js';
import { WakeUp } from './wake-up.js';

export interface GroupTimes {
  /** A member not heard of for this long is dropped. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
}

interface Held {
  readonly at: TopicPartition;
  readonly acquisition: string;
  readonly loop: ReadingLoop;
  /** Another member waits for it, or it is lost: no more batches. */
  leaving: boolean;
}

/** One member of a consumer group of the embedded log: renews its lease and reads what it holds. */
export class GroupMember implements Subscription {
  readonly id = randomUUID();
  private readonly held = new Map<string, Held>();
  /** Handlers have ended; the database is told at the next heartbeat. */
  private readonly released = new Map<string, TopicPartition>();
  /** What the database was told of positions. */
  private readonly reported = new Map<string, bigint>();
  private readonly wakeUp = new WakeUp();
  private readonly unlisten: (() => void)[];
  private stopping: Promise<void> | undefined;
  private stopped = false;
  private failed = false;
  private leaseEndsAt: number;
  private readonly running: Promise<void>;
  private rebalanceCount = 0;
  private generation = '';

  constructor(
    private readonly options: GroupOptions,
    private readonly parts: {
      /** Its own: a heartbeat must not wait behind reads. Closed by stop(). */
      readonly connection: Connection;
      readonly read: (at: TopicPartition, from: bigint) => Promise<ReadRecords>;
      readonly notifications: Notifications;
      readonly poll: PartitionPoll;
      readonly times: GroupTimes;
      readonly clock: Clock;
      readonly logger: Logger;
      readonly onStopped: () => void;
    },
  ) {
    this.leaseEndsAt = parts.clock.monotonic() + parts.times.sessionTimeoutMs;
    this.unlisten = [
      parts.notifications.listen('event_log_groups', (group) => {
        if (group === '' || group === options.group) this.wakeUp.ring();
      }),
      ...options.topics.map((topic) =>
        parts.notifications.listen(`event_log_${topic}`, (partition) => this.ring(topic, partition)),
      ),
    ];
    this.running = this.run();
  }

  figures(): GroupFigures {
    return {
      group: this.options.group,
      rebalances: this.rebalanceCount,
      partitions: [...this.held.values()].map(({ loop }) => loop.figures()),
    };
  }

  stop(): Promise<void> {
    this.stopping ??= this.leave();
    return this.stopping;
  }

  private async leave(): Promise<void> {
    this.stopped = true;
    for (const end of this.unlisten) end();
    for (const [key, held] of this.held) this.leavePartition(key, held);
    this.wakeUp.ring();
    await this.running;
    await Promise.all([...this.held.values()].map(({ loop }) => loop.ended));
    await this.parts.connection
      .query('SELECT event_log.leave_group($1, $2)', [this.options.group, this.id])
      // Then its lease runs out.
      .catch((error: unknown) =>
        this.parts.logger.warn({ error: messageOf(error) }, 'could not leave the consumer group'),
      );
    await this.parts.connection.close();
    this.parts.onStopped();
  }

  /** Keeps the lease until stop() has seen the last handler end: nobody takes over before that. */
  private async run(): Promise<void> {
    while (!this.failed && !(this.stopped && this.held.size === 0)) {
      try {
        await this.beat();
      } catch (error) {
        const [topic] = this.options.topics;
        const fatal = topic === undefined ? undefined : fatalReadError(error, { topic, partition: 0 });
        if (fatal !== undefined) return this.fail(fatal);
        this.parts.logger.warn(
          { group: this.options.group, error: messageOf(error) },
          'no heartbeat to the consumer group',
        );
        if (this.parts.clock.monotonic() >= this.leaseEndsAt) this.loseAll();
      }
      if (!(this.stopped && this.held.size === 0)) await this.wakeUp.sleep(this.parts.times.heartbeatMs);
    }
  }

  private async beat(): Promise<void> {
    const sentAt = this.parts.clock.monotonic();
    const released = [...this.released.values()];
    const rows = await heartbeat(
      this.parts.connection,
      {
        group: this.options.group,
        member: this.id,
        topics: this.options.topics,
        leaseMs: this.parts.times.sessionTimeoutMs,
      },
      released,
    );
    this.leaseEndsAt = sentAt + this.parts.times.sessionTimeoutMs;
    for (const at of released) this.released.delete(partitionKey(at));
    this.reconcile(rows);
    await this.report();
  }

  /** Tells how far this member has read, so that what everybody has read can be trimmed. */
  private async report(): Promise<void> {
    const moved = [...this.held].flatMap(([key, { at, loop }]) => {
      const { next } = loop;
      return next === undefined || next === this.reported.get(key) ? [] : [{ key, at, next }];
    });
    if (moved.length === 0) return;
    await reportPositions(this.parts.connection, this.options.group, moved);
    for (const { key, next } of moved) this.reported.set(key, next);
  }

  private reconcile(rows: readonly HeldPartition[]): void {
    const acquisitions = new Map(rows.map((row) => [partitionKey(row), row.acquisition]));
    for (const [key, held] of this.held) {
      if (acquisitions.get(key) !== held.acquisition) this.leavePartition(key, held);
    }
    for (const row of rows) {
      const key = partitionKey(row);
      const held = this.held.get(key);
      if (held === undefined) {
        if (row.due && !this.stopped) this.takePartition(key, row);
        else this.release(key, row);
      } else if (!row.due || this.stopped) this.leavePartition(key, held);
    }
    const generation = rows[0]?.generation ?? this.generation;
    if (generation !== this.generation) {
      this.generation = generation;
      this.rebalanceCount += 1;
      this.parts.logger.info(
        { group: this.options.group, member: this.id, generation, partitions: [...this.held.keys()] },
        'the consumer group was rebalanced',
      );
    }
  }

  private takePartition(key: string, row: HeldPartition): void {
    const at: TopicPartition = { topic: row.topic, partition: row.partition };
    const { handler } = this.options;
    const loop = new ReadingLoop({
      at,
      read: this.parts.read,
      poll: this.parts.poll,
      gatherMs: this.options.gatherMs ?? 0,
      logger: this.parts.logger,
      onFatal: (error) => this.fail(error),
      position: {
        begin: () => handler.claim(at),
        take: async (records) => {
          const result = await handler.handle(at, records);
          // Either a newer member has it, which the next heartbeat tells, or the claim was a stray one.
          if (result === 'fenced') this.wakeUp.ring();
          return result === 'stored';
        },
      },
    });
    this.held.set(key, { at, acquisition: row.acquisition, loop, leaving: false });
  }

  private leavePartition(key: string, held: Held): void {
    if (held.leaving) return;
    held.leaving = true;
    void held.loop.stop().then(() => {
      this.held.delete(key);
      this.release(key, held.at);
    });
  }

  private release(key: string, at: TopicPartition): void {
    this.released.set(key, { topic: at.topic, partition: at.partition });
    this.wakeUp.ring();
  }

  /** The lease has ended without an answer: others may hold everything now. */
  private loseAll(): void {
    for (const [key, held] of this.held) this.leavePartition(key, held);
  }

  private ring(topic: string, partition: string): void {
    if (partition !== '') this.held.get(`${topic}/${partition}`)?.loop.ring();
    else for (const { at, loop } of this.held.values()) if (at.topic === topic) loop.ring();
  }

  private fail(error: Error): void {
    if (this.failed) return;
    this.failed = true;
    for (const { loop } of this.held.values()) void loop.stop();
    this.wakeUp.ring();
    this.options.onFatal(error);
  }
}
