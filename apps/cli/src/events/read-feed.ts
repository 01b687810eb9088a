import { z } from 'zod';
import { CommandError } from '../command-error.js';
import type { Api } from '../installation/api.js';
import type { EventFilter, FeedEvent } from './event-filter.js';

const PAGE = 1_000;

const pageSchema = z.object({
  events: z.array(z.looseObject({ id: z.string(), type: z.string(), time: z.string() })),
  next_cursor: z.string().nullish(),
  has_more: z.boolean(),
});

/**
 * Every event of the pull feed that audit lets through the filter, from the beginning to what is there
 * now, following the cursor. Audit finds them by its indexes.
 */
export async function* readFeed(api: Api, filter: EventFilter): AsyncGenerator<FeedEvent> {
  let after: string | undefined;
  for (;;) {
    const query = new URLSearchParams({
      limit: String(PAGE),
      ...(after === undefined ? {} : { after }),
      ...(filter.request === undefined ? {} : { requestId: filter.request }),
      ...(filter.session === undefined ? {} : { sessionId: filter.session }),
      ...(filter.identity === undefined ? {} : { identity: filter.identity }),
      ...(filter.since === undefined ? {} : { since: new Date(filter.since).toISOString() }),
    });
    const parsed = pageSchema.safeParse(await api.get(`/v1/events?${query.toString()}`));
    if (!parsed.success)
      throw new CommandError(
        'audit answered in a form this version does not know: use the command line of its version',
      );
    const { events, next_cursor: next, has_more: more } = parsed.data;
    for (const event of events) yield event as FeedEvent;
    if (!more) return;
    if (next === null || next === undefined || next === after)
      throw new CommandError('audit says there is more and gives no way to it: ask again later');
    after = next;
  }
}
