import { Controller, Get, Inject, Param, Req } from '@nestjs/common';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import { isUuid } from '#libs/kernel/uuid.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { loadStream } from '../../event-store/load-stream.js';
import type { PolicyShelf } from '../../policy/policy-shelf.js';
import { POOL, SHELF } from '../../tokens.js';
import { explainRequest, type Explanation } from '../read/explain-request.js';
import { unknownRequest } from './refusal-problem.js';
import { RequestReader } from './request-reader.js';

/** Why a request is where it is, with the risk assessment made again from what is stored. */
@Controller('v1/requests')
export class ExplanationController {
  constructor(
    @Inject(RequestReader) private readonly reader: RequestReader,
    @Inject(POOL) private readonly pool: DatabasePool,
    @Inject(SHELF) private readonly shelf: PolicyShelf,
  ) {}

  @Get(':id/explanation')
  async explain(@Req() { identity }: Authenticated, @Param('id') id: string): Promise<Explanation> {
    if (!isUuid(id)) throw unknownRequest();
    const { view } = await this.reader.visible(identity, id);
    const stream = await loadStream(this.pool, id);
    return explainRequest(stream, await this.shelf.reviewRules(view.policyHash));
  }
}
