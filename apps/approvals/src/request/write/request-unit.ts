import type { AnyEvent } from '#libs/contracts/events/registry.js';
import type { SigningKey } from '#libs/contracts/event-signature.js';
import type { Identity } from '#libs/contracts/identity.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { DatabaseTransactionConnection } from '#libs/postgres/pool.js';
import { appendEvents } from '../../event-store/append-events.js';
import type { EventDraft } from '../../event-store/event-draft.js';
import { loadStream, type StoredEvent } from '../../event-store/load-stream.js';
import { decisionDraft } from '../../signing/decision-draft.js';
import { progressDraft } from '../../signing/progress-draft.js';
import { decide } from '../domain/decide.js';
import type { Decided } from '../domain/decided.js';
import type { RequestCommand } from '../domain/request-command.js';
import type { RequestEvent } from '../domain/request-event.js';
import { evolve, type RequestState } from '../domain/request-state.js';
import { replay } from './replay.js';
import { saveRequest } from './save-request.js';

export interface UnitDependencies {
  readonly tenant: string;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly signingKey: SigningKey;
}

/** Who and what led to a command. */
export interface Cause {
  readonly identity?: Identity | undefined;
  readonly causationId?: string | undefined;
  readonly sessionId?: string | undefined;
  /** Ids for the first events it leads to, drawn before any that the command names: ids sort as things happened. */
  readonly eventIds?: readonly string[] | undefined;
}

interface Loaded {
  state: RequestState;
  version: number;
  sessionId: string | undefined;
  readonly stored: StoredEvent[];
  changed: boolean;
}

/**
 * One transaction's work on requests: loads streams, decides in memory, and writes everything in
 * `flush`, where the partitions' head rows are locked last and for the shortest time. A unit belongs to
 * one transaction and is thrown away with it: nothing read here outlives an error or a retry.
 */
export class RequestUnit {
  private readonly streams = new Map<string, Loaded>();
  private readonly drafts: EventDraft[] = [];
  private readonly writes: (() => Promise<void>)[] = [];

  constructor(
    private readonly tx: DatabaseTransactionConnection,
    private readonly dependencies: UnitDependencies,
  ) {}

  async stateOf(requestId: string): Promise<RequestState> {
    return (await this.load(requestId)).state;
  }

  /** How many events the request has, those queued here included. */
  async versionOf(requestId: string): Promise<number> {
    return (await this.load(requestId)).version;
  }

  /** Judges a command and queues what follows from it: the aggregate's events and signed decisions. */
  async apply(requestId: string, command: RequestCommand, cause: Cause): Promise<Decided> {
    const loaded = await this.load(requestId);
    const now = this.dependencies.clock.now();
    const decided = decide(command, loaded.state, now);
    const opens = loaded.state === undefined;
    const ids = decided.events.map((event, index) =>
      this.queue(requestId, loaded, event, cause, now, cause.eventIds?.[index]),
    );
    if (!opens) this.queueProgress(requestId, loaded, decided.events, ids, now);
    return decided;
  }

  /** Queues an event that belongs to no request's stream. */
  publish(draft: EventDraft): void {
    this.drafts.push(draft);
  }

  /** Queues a write that comes after the events in the same transaction, because it refers to them. */
  afterAppend(write: () => Promise<void>): void {
    this.writes.push(write);
  }

  /** Writes all that was queued, and returns it as stored. Durable when the transaction's COMMIT is. */
  async flush(): Promise<AnyEvent[]> {
    const { tenant, clock, signingKey } = this.dependencies;
    const events = await appendEvents(this.tx, this.drafts, { tenant, now: clock.now(), signingKey });
    for (const [index, event] of events.entries()) {
      const stream = this.drafts[index]?.place?.stream;
      if (stream !== undefined) this.streams.get(stream)?.stored.push(event as StoredEvent);
    }
    for (const loaded of this.streams.values()) if (loaded.changed) await saveRequest(this.tx, loaded.stored);
    for (const write of this.writes) await write();
    return events;
  }

  private async load(requestId: string): Promise<Loaded> {
    const known = this.streams.get(requestId);
    if (known !== undefined) return known;
    const stored = await loadStream(this.tx, requestId);
    const loaded: Loaded = {
      state: replay(stored),
      version: stored.length,
      sessionId: stored[0]?.sessionId,
      stored,
      changed: false,
    };
    this.streams.set(requestId, loaded);
    return loaded;
  }

  private queue(
    requestId: string,
    loaded: Loaded,
    event: RequestEvent,
    cause: Cause,
    now: number,
    id = this.dependencies.newId(),
  ): string {
    const { type, ...fields } = event;
    loaded.version += 1;
    loaded.changed = true;
    loaded.sessionId ??= cause.sessionId;
    const before = loaded.state;
    loaded.state = evolve(before, event, now);
    this.drafts.push({
      id,
      type,
      key: requestId,
      requestId,
      sessionId: loaded.sessionId,
      causationId: cause.causationId,
      identity: cause.identity,
      fields,
      place: { stream: requestId, version: loaded.version },
    });
    if (before === undefined) return id;
    const { newId } = this.dependencies;
    const context = { requestId, sessionId: loaded.sessionId, causationId: id, newId, now };
    const decision = decisionDraft(event, before, context);
    if (decision !== undefined) this.drafts.push(decision);
    return id;
  }

  /** What the client that waits is told of a command that did not decide the request. */
  private queueProgress(
    requestId: string,
    { state, sessionId }: Loaded,
    events: readonly RequestEvent[],
    ids: readonly string[],
    now: number,
  ): void {
    if (state === undefined) return;
    const { newId } = this.dependencies;
    for (const [index, event] of events.entries()) {
      const context = { requestId, sessionId, causationId: ids[index] as string, newId, now };
      const progress = progressDraft(event, state, context);
      if (progress !== undefined) this.drafts.push(progress);
    }
  }
}
