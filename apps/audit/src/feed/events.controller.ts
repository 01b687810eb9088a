import { Controller, Get, Inject, Param, Query, Req } from '@nestjs/common';
import { z } from 'zod';
import { uuidSchema } from '#libs/contracts/envelope.js';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import { ProblemException } from '#libs/http/problem.js';
import type { Chain } from '#libs/ledger/chain.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { CHAINS, QUERY } from '../tokens.js';
import { ownsRequest, seesEverything } from './access.js';
import { decodeCursor, encodeCursor, type Positions } from './cursor.js';
import type { FeedFilter } from './find-events.js';
import { readPage } from './read-page.js';
import { sealedEvent, type SealedEventRow } from './sealed-event.js';

export const limitSchema = z
  .string()
  .regex(/^[0-9]{1,4}$/, 'must be a number from 1 to 1000')
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= 1_000, 'must be a number from 1 to 1000')
  .default(100);

const TIME =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})$/;

/** RFC 3339 with an offset, to the millisecond; becomes microseconds since 1970. */
const timeParameter = z
  .string()
  .refine(
    (text) => TIME.test(text) && !Number.isNaN(Date.parse(text)),
    'must be a time such as 2026-11-21T13:00:00Z',
  )
  .transform((text) => BigInt(Date.parse(text)) * 1000n);

const querySchema = z
  .strictObject({
    after: z.string().optional(),
    limit: limitSchema,
    type: z.string().max(255).optional(),
    request: uuidSchema.optional(),
    requestId: uuidSchema.optional(),
    session: uuidSchema.optional(),
    sessionId: uuidSchema.optional(),
    identity: z.string().max(128).optional(),
    since: timeParameter.optional(),
    until: timeParameter.optional(),
    format: z.literal('countersign', 'only the own envelope, countersign, is there').optional(),
  })
  .refine((asked) => asked.request === undefined || asked.requestId === undefined, {
    path: ['request'],
    message: 'is the same as requestId: give one',
  })
  .refine((asked) => asked.session === undefined || asked.sessionId === undefined, {
    path: ['session'],
    message: 'is the same as sessionId: give one',
  })
  .transform(({ request, session, ...asked }) => ({
    ...asked,
    requestId: asked.requestId ?? request,
    sessionId: asked.sessionId ?? session,
  }));

/** The pull feed. Compliance sees everything, others their own events and the whole life of their own requests. */
@Controller('v1/events')
export class EventsController {
  constructor(
    @Inject(QUERY) private readonly query: BulkQuery,
    @Inject(CHAINS) private readonly chains: readonly Chain[],
  ) {}

  @Get()
  async page(@Query() parameters: unknown, @Req() request: Authenticated): Promise<unknown> {
    const asked = parseQuery(querySchema, parameters);
    const positions: Positions | undefined =
      asked.after === undefined ? new Map() : decodeCursor(asked.after);
    if (positions === undefined) throw badRequest('after: not a cursor of this feed');
    const filter = await this.permitted(request, asked);
    const page = await readPage(this.query, this.chains, positions, asked.limit, filter);
    return { events: page.events, next_cursor: encodeCursor(page.next), has_more: page.hasMore };
  }

  @Get(':id')
  async one(@Param('id') id: string, @Req() request: Authenticated): Promise<unknown> {
    if (!uuidSchema.safeParse(id).success) throw notFound();
    const [row] = await this.query<SealedEventRow & { request_id: string | null; identity: string | null }>(
      `SELECT c.name AS chain, e.seq::text, e.type, e.event_id::text, e.recorded_at::text, e.producer::text,
         e.producer_seq::text, e.request_id::text, e.identity, p.payload
       FROM ledger.entries e JOIN ledger.chains c USING (chain) JOIN ledger.payloads p USING (chain, seq)
       WHERE e.event_id = $1`,
      [id],
    );
    const { identity } = request;
    const own =
      row !== undefined &&
      (row.identity === identity.name ||
        (row.request_id !== null && (await ownsRequest(this.query, identity, row.request_id))));
    if (!seesEverything(identity) && !own) throw forbidden();
    if (row === undefined) throw notFound();
    return sealedEvent(row);
  }

  /** What is asked for, narrowed to what may be seen. */
  private async permitted({ identity }: Authenticated, asked: FeedFilter): Promise<FeedFilter> {
    const filter = {
      requestId: asked.requestId,
      sessionId: asked.sessionId,
      type: asked.type,
      identity: asked.identity,
      since: asked.since,
      until: asked.until,
    };
    if (seesEverything(identity)) return filter;
    if (asked.requestId !== undefined && (await ownsRequest(this.query, identity, asked.requestId)))
      return filter;
    if (asked.requestId !== undefined || (asked.identity ?? identity.name) !== identity.name)
      throw forbidden();
    return { ...filter, identity: identity.name };
  }
}

/** The parameters of a request, or a 400 that names the wrong one. */
export function parseQuery<S extends z.ZodType>(schema: S, parameters: unknown): z.output<S> {
  const parsed = schema.safeParse(parameters);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badRequest(
    [issue?.path.join('.') ?? '', issue?.message ?? 'not valid'].filter((part) => part !== '').join(': '),
  );
}

export const badRequest = (detail: string): ProblemException =>
  new ProblemException('bad-request', 400, 'The request is not valid', detail);

export const forbidden = (): ProblemException =>
  new ProblemException(
    'forbidden',
    403,
    'Not yours to see',
    'Compliance sees everything, others what is their own.',
  );

const notFound = (): ProblemException => new ProblemException('not-found', 404, 'There is no such event');
