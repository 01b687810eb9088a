import type { ServerResponse } from 'node:http';
import { Controller, Get, Headers, Inject, Param, Query, Req, Res } from '@nestjs/common';
import type { Identity } from '#libs/contracts/identity.js';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import { ProblemException } from '#libs/http/problem.js';
import { isUuid } from '#libs/kernel/uuid.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { loadStream } from '../../event-store/load-stream.js';
import { CHANGES, GOING_DOWN, POOL } from '../../tokens.js';
import type { RequestChanges } from '../read/request-changes.js';
import type { FoundRequest } from '../read/request-queries.js';
import { etagOf } from './etag.js';
import { EventStream, hasEnded, seenOf } from './event-stream.js';
import { unknownRequest } from './refusal-problem.js';
import { read, waitQuerySchema } from './request-bodies.js';
import { RequestReader } from './request-reader.js';

/** How many may wait in one process. */
const MAX_WAITING = 500;

/** How often a waiter looks for what another replica has done, ms. */
const LOOK_AGAIN_MS = 500;

/** An idle stream says that it lives, ms. */
const BEAT_MS = 15_000;

interface Reply {
  readonly raw: ServerResponse;
  header(name: string, value: string): Reply;
  code(status: number): Reply;
  send(body?: unknown): unknown;
  hijack(): unknown;
}

type Waiting = Authenticated & { raw: { once(event: 'close', listener: () => void): void } };

/**
 * Waiting for a request: long polling, resumed with the state or version one has seen last, and, where
 * the client accepts text/event-stream, a stream of events, resumed with Last-Event-ID. Nothing is
 * remembered here, so either goes on after a restart, at any replica.
 */
@Controller('v1/requests')
export class WaitController {
  private waiting = 0;

  constructor(
    @Inject(RequestReader) private readonly reader: RequestReader,
    @Inject(POOL) private readonly pool: DatabasePool,
    @Inject(CHANGES) private readonly changes: RequestChanges,
    @Inject(GOING_DOWN) private readonly goingDown: AbortSignal,
  ) {}

  @Get(':id/wait')
  async wait(
    @Req() { identity, raw }: Waiting,
    @Res() reply: Reply,
    @Param('id') id: string,
    @Query() query: unknown,
    @Headers('accept') accept?: string,
    @Headers('last-event-id') lastEventId?: string,
  ): Promise<void> {
    if (!isUuid(id)) throw unknownRequest();
    const options = read(waitQuerySchema, query);
    if (this.waiting >= MAX_WAITING) {
      throw new ProblemException('too-many-waiting', 503, 'Too many are waiting', 'Ask again in a while.', {
        code: 'too-many-waiting',
      });
    }
    const gone = new AbortController();
    raw.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.goingDown]);
    this.waiting += 1;
    try {
      if (accept?.includes('text/event-stream') === true)
        await this.stream(identity, id, lastEventId, reply, signal);
      else {
        const request = await this.poll(identity, id, options, signal);
        // A service that stops waits for its connections: this one has done its work.
        if (this.goingDown.aborted) reply.header('connection', 'close');
        reply.header('etag', etagOf(request)).send(await this.reader.document(request));
      }
    } finally {
      this.waiting -= 1;
    }
  }

  private async poll(
    identity: Identity,
    id: string,
    { after, timeout }: ReturnType<typeof waitQuerySchema.parse>,
    signal: AbortSignal,
  ): Promise<FoundRequest> {
    const end = performance.now() + timeout * 1000;
    for (;;) {
      const request = await this.reader.visible(identity, id);
      const left = end - performance.now();
      const changed = typeof after === 'number' ? request.version > after : request.view.state !== after;
      if (changed || left <= 0 || signal.aborted) return request;
      await this.changes.next(id, Math.min(left, LOOK_AGAIN_MS), signal);
    }
  }

  /** Ends when nothing will follow; a client that comes back after that gets 204 and stops. */
  private async stream(
    identity: Identity,
    id: string,
    lastEventId: string | undefined,
    reply: Reply,
    signal: AbortSignal,
  ): Promise<void> {
    let request = await this.reader.visible(identity, id);
    let seen = seenOf(lastEventId);
    if (hasEnded(request, seen)) {
      reply.code(204).send();
      return;
    }
    reply.hijack();
    const stream = new EventStream(reply.raw);
    let beaten = performance.now();
    try {
      while (!signal.aborted) {
        if (request.version > seen.version || (request.outcome !== undefined && !seen.outcome))
          seen = stream.tell(request, await loadStream(this.pool, id), seen);
        if (hasEnded(request, seen)) return;
        if (performance.now() - beaten > BEAT_MS) {
          stream.beat();
          beaten = performance.now();
        }
        await this.changes.next(id, LOOK_AGAIN_MS, signal);
        request = await this.reader.visible(identity, id);
      }
    } catch {
      // The answer has begun: all that is left is to end it. The client comes back and is told why.
    } finally {
      stream.end();
    }
  }
}
