import { z } from 'zod';
import { bindingSchema, type Binding } from '#libs/contracts/binding.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import { eligibleGroups } from '../domain/quorum.js';
import type { RequestStatus } from '../domain/request-state.js';
import type { RequestView } from './request-view.js';
import type { Viewer } from './viewer.js';

export interface FoundRequest {
  readonly view: RequestView;
  /** How the statement ended, once the gateway has said so. */
  readonly outcome: string | undefined;
  /** Grows with every event of the request. */
  readonly version: number;
  readonly ordinal: bigint;
}

const rowSchema = z.object({
  view: z.string(),
  outcome: z.string().nullable(),
  version: z.number(),
  ordinal: z.bigint(),
});

const found = (row: z.output<typeof rowSchema>): FoundRequest => ({
  view: JSON.parse(row.view) as RequestView,
  outcome: row.outcome ?? undefined,
  version: row.version,
  ordinal: row.ordinal,
});

/** Whether somebody may see a request; an agent's owner does not, being barred from deciding it. */
export const maySee = (viewer: Viewer, view: RequestView): boolean =>
  viewer.seesAll ||
  view.requester === viewer.name ||
  (view.onBehalfOf !== viewer.name &&
    [view.reviewers, ...(view.escalatedTo ?? [])].some(
      (quorum) => eligibleGroups(quorum, viewer.groups).length > 0,
    ));

export async function findRequest(
  connection: CommonQueryMethods,
  id: string,
): Promise<FoundRequest | undefined> {
  const row = await connection.maybeOne(sql.type(rowSchema)`
    SELECT view, outcome, version, ordinal FROM approvals.requests WHERE id = ${id}`);
  return row === null ? undefined : found(row);
}

export interface Page {
  readonly state: RequestStatus | undefined;
  /** Requests older than this one; undefined: from the newest. */
  readonly before: bigint | undefined;
  readonly limit: number;
}

/** A page of what the viewer may see, newest first. */
export async function listRequests(
  connection: CommonQueryMethods,
  viewer: Viewer,
  page: Page,
): Promise<FoundRequest[]> {
  const rows = await connection.any(sql.type(rowSchema)`
    SELECT view, outcome, version, ordinal FROM approvals.requests
    WHERE (${page.state ?? null}::text IS NULL OR state = ${page.state ?? null})
      AND (${page.before ?? null}::int8 IS NULL OR ordinal < ${page.before ?? null})
      AND (${viewer.seesAll} OR requester = ${viewer.name}
        OR (reviewer_groups && ${sql.array([...viewer.groups], 'text')}
          AND view::json ->> 'onBehalfOf' IS DISTINCT FROM ${viewer.name}))
    ORDER BY ordinal DESC LIMIT ${page.limit}`);
  return rows.map(found);
}

/** The bindings of requests, as the digests were computed from them. */
export async function findBindings(
  connection: CommonQueryMethods,
  ids: readonly string[],
): Promise<Map<string, Binding>> {
  if (ids.length === 0) return new Map();
  const rows = await connection.any(
    sql.type(z.object({ request_id: z.string(), binding: z.instanceof(Buffer) }))`
    SELECT request_id::text, binding FROM approvals.bindings
    WHERE request_id = ANY(${sql.array([...ids], 'uuid')})`,
  );
  return new Map(
    rows.map((row) => {
      const parsed = bindingSchema.safeParse(JSON.parse(row.binding.toString('utf8')));
      if (!parsed.success)
        throw new CodedError('EVENT_STORE_INVALID', `the binding of ${row.request_id} cannot be read`);
      return [row.request_id, parsed.data];
    }),
  );
}

export const countPending = (connection: CommonQueryMethods): Promise<number> =>
  connection.oneFirst(sql.type(z.object({ count: z.number() }))`
    SELECT count(*)::int AS count FROM approvals.requests WHERE state = 'pending'`);

/** Pending requests whose policy version is not known here. */
export const countUnrouted = (connection: CommonQueryMethods): Promise<number> =>
  connection.oneFirst(sql.type(z.object({ count: z.number() }))`
    SELECT count(*)::int AS count FROM approvals.requests WHERE state = 'pending' AND NOT routed`);
