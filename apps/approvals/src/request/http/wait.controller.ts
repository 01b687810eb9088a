import { Controller, Get, Inject, Param, Query, Req } from '@nestjs/common';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import { ProblemException } from '#libs/http/problem.js';
import { isUuid } from '#libs/kernel/uuid.js';
import { CHANGES, GOING_DOWN } from '../../tokens.js';
import type { RequestChanges } from '../read/request-changes.js';
import { unknownRequest } from './refusal-problem.js';
import { read, waitQuerySchema } from './request-bodies.js';
import { RequestReader } from './request-reader.js';

/** How many may wait in one process. */
const MAX_WAITING = 500;

/** How often a waiter looks for what another replica has done, ms. */
const LOOK_AGAIN_MS = 500;

/** Long polling: resumable by asking again with the state one has seen last. */
@Controller('v1/requests')
export class WaitController {
  private waiting = 0;

  constructor(
    @Inject(RequestReader) private readonly reader: RequestReader,
    @Inject(CHANGES) private readonly changes: RequestChanges,
    @Inject(GOING_DOWN) private readonly goingDown: AbortSignal,
  ) {}

  @Get(':id/wait')
  async wait(
    @Req() { identity, raw }: Authenticated & { raw: { once(event: 'close', listener: () => void): void } },
    @Param('id') id: string,
    @Query() query: unknown,
  ): Promise<object> {
    if (!isUuid(id)) throw unknownRequest();
    const { after, timeout } = read(waitQuerySchema, query);
    if (this.waiting >= MAX_WAITING) {
      throw new ProblemException('too-many-waiting', 503, 'Too many are waiting', 'Ask again in a while.', {
        code: 'too-many-waiting',
      });
    }
    const gone = new AbortController();
    raw.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.goingDown]);
    const end = performance.now() + timeout * 1000;
    this.waiting += 1;
    try {
      for (;;) {
        const request = await this.reader.visible(identity, id);
        const left = end - performance.now();
        if (request.view.state !== after || left <= 0 || signal.aborted)
          return await this.reader.document(request);
        await this.changes.next(id, Math.min(left, LOOK_AGAIN_MS), signal);
      }
    } finally {
      this.waiting -= 1;
    }
  }
}
