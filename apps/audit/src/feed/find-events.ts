import { plainArray, type BulkQuery } from '#libs/postgres/bulk-pool.js';

export interface FeedFilter {
  readonly requestId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly type?: string | undefined;
  /** Only events of this identity. */
  readonly identity?: string | undefined;
  /** Happened at this time or later, microseconds since 1970. */
  readonly since?: bigint | undefined;
  /** Happened before this time, microseconds since 1970. */
  readonly until?: bigint | undefined;
}

/** Entries of a chain from `next` up to, not including, `end`. */
export interface ChainPart {
  readonly chain: number;
  readonly next: bigint;
  readonly end: bigint;
}

export interface FoundEvent {
  readonly chain: number;
  readonly seq: string;
  readonly bytes: number;
}

/**
 * How far the time of an event and the time of its sealing may lie apart for it to be found by its place;
 * the index entries_far_time has the others. Microseconds.
 */
const NEAR = 3_600_000_000n;

/** The time of what is no event is the time of its sealing. */
const HAPPENED = 'coalesce(e.event_time, e.recorded_at)';

/** The first `limit` entries that match, in the order they were recorded. */
export async function findEvents(
  query: BulkQuery,
  parts: readonly ChainPart[],
  limit: number,
  filter: FeedFilter,
): Promise<FoundEvent[]> {
  const values: unknown[] = [];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const places = `unnest(${value(plainArray(parts.map(({ chain }) => chain)))}::int[],
    ${value(plainArray(parts.map(({ next }) => next)))}::bigint[],
    ${value(plainArray(parts.map(({ end }) => end)))}::bigint[])`;
  const most = value(limit);
  const conditions: string[] = [];
  if (filter.requestId !== undefined) conditions.push(`e.request_id = ${value(filter.requestId)}`);
  if (filter.sessionId !== undefined) conditions.push(`e.session_id = ${value(filter.sessionId)}`);
  if (filter.type !== undefined) conditions.push(`e.type = ${value(filter.type)}`);
  if (filter.identity !== undefined) conditions.push(`e.identity = ${value(filter.identity)}`);
  const from = filter.since === undefined ? undefined : value(filter.since);
  const upTo = filter.until === undefined ? undefined : value(filter.until);
  if (from !== undefined) conditions.push(`${HAPPENED} >= ${from}`);
  if (upTo !== undefined) conditions.push(`${HAPPENED} < ${upTo}`);

  // Where a window of time begins and ends in each chain, as far as events were sealed soon.
  const low =
    from === undefined
      ? 'c.next'
      : `greatest(c.next, ledger.first_recorded_from(c.chain, ${from} - ${NEAR}, c.upto))`;
  const high =
    upTo === undefined ? 'c.upto' : `ledger.first_recorded_from(c.chain, ${upTo} + ${NEAR}, c.upto)`;
  const rows = (range: string): string =>
    `(SELECT e.chain, e.seq, e.recorded_at FROM ledger.entries e
      WHERE e.chain = w.chain AND ${[range, ...conditions].join(' AND ')} ORDER BY e.seq LIMIT ${most})`;
  const near = rows('e.seq >= w.low AND e.seq < w.high');
  const far = rows(
    `(e.event_time < e.recorded_at - ${NEAR} OR e.event_time > e.recorded_at + ${NEAR})
     ${from === undefined ? '' : `AND e.event_time >= ${from}`} ${upTo === undefined ? '' : `AND e.event_time < ${upTo}`}
     AND e.seq >= w.next AND e.seq < w.upto AND NOT (e.seq >= w.low AND e.seq < w.high)`,
  );
  const isWindow = from !== undefined || upTo !== undefined;
  return query<FoundEvent>(
    `SELECT f.chain, f.seq::text, octet_length(p.payload) AS bytes
     FROM (SELECT c.chain, c.next, c.upto, ${low} AS low, ${high} AS high
           FROM ${places} AS c(chain, next, upto) OFFSET 0) AS w
     CROSS JOIN LATERAL (${isWindow ? `${near} UNION ALL ${far}` : near}) AS f
     JOIN ledger.payloads p ON p.chain = f.chain AND p.seq = f.seq
     ORDER BY f.recorded_at, f.chain, f.seq LIMIT ${most}`,
    values,
  );
}
