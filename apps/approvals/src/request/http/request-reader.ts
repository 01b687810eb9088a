import { Inject, Injectable } from '@nestjs/common';
import type { Identity } from '#libs/contracts/identity.js';
import type { Directory } from '#libs/identity/directory.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { DIRECTORY, POOL } from '../../tokens.js';
import type { RequestStatus } from '../domain/request-state.js';
import { listedRequest, wholeRequest } from '../read/request-document.js';
import {
  findBindings,
  findRequest,
  listRequests,
  maySee,
  type FoundRequest,
} from '../read/request-queries.js';
import { actorOf, viewerOf, type Viewer } from '../read/viewer.js';
import { notYoursToSee, unknownRequest } from './refusal-problem.js';

/** Requests as HTTP answers, each only to those who may see it. */
@Injectable()
export class RequestReader {
  constructor(
    @Inject(POOL) private readonly pool: DatabasePool,
    @Inject(DIRECTORY) private readonly directory: Directory,
  ) {}

  async list(
    identity: Identity,
    query: { state?: RequestStatus | undefined; after?: string | undefined; limit: number },
  ): Promise<object> {
    const viewer = await this.viewer(identity);
    const before = query.after === undefined ? undefined : BigInt(query.after);
    // One more than asked tells whether there is a next page.
    const found = await listRequests(this.pool, viewer, {
      state: query.state,
      before,
      limit: query.limit + 1,
    });
    const page = found.slice(0, query.limit);
    const long = page.filter(({ view }) => view.statement.text === undefined).map(({ view }) => view.id);
    const bindings = await findBindings(this.pool, long);
    return {
      requests: page.map((request) => listedRequest(request, bindings.get(request.view.id))),
      next: found.length > page.length ? String(page.at(-1)?.ordinal) : null,
    };
  }

  async document(request: FoundRequest): Promise<object> {
    const { id } = request.view;
    return wholeRequest(request, (await findBindings(this.pool, [id])).get(id));
  }

  /** The request, if there is one (404) and this identity may see it (403). */
  async visible(identity: Identity, id: string): Promise<FoundRequest> {
    const request = await findRequest(this.pool, id);
    if (request === undefined) throw unknownRequest();
    if (!maySee(await this.viewer(identity), request.view)) throw notYoursToSee();
    return request;
  }

  private async viewer(identity: Identity): Promise<Viewer> {
    return viewerOf(await actorOf(this.directory, identity));
  }
}
