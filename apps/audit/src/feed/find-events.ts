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
 * How long after its own time, and how long before it, an event may be sealed to be found by its place; the
 * index entries_far_time has the others. All entries of so much time are read beside a window. Microseconds.
 */
const LATE = 10_000_000n;
const EARLY = 1_000_000n;

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
  const from = filter.since === undefined ? undefined : `${value(filter.since)}::bigint`;
  const upTo = filter.until === undefined ? undefined : `${value(filter.until)}::bigint`;
  if (from !== undefined) conditions.push(`${HAPPENED} >= ${from}`);
  if (upTo !== undefined) conditions.push(`${HAPPENED} < ${upTo}`);

  // Where a window of time begins and ends in each chain, as far as events were sealed soon.
  const low =
    from === undefined
      ? 'c.next'
      : `greatest(c.next, ledger.first_recorded_from(c.chain, ${from} - ${EARLY}, c.upto))`;
  const high =
    upTo === undefined ? 'c.upto' : `ledger.first_recorded_from(c.chain, ${upTo} + ${LATE}, c.upto)`;
  const where = (range: string): string => ['e.chain = w.chain', range, ...conditions].join(' AND ');
  const near = `(SELECT e.chain, e.seq, e.recorded_at FROM ledger.entries e
    WHERE ${where('e.seq >= w.low AND e.seq < w.high')} ORDER BY e.seq LIMIT ${most})`;
  const isFar = `(e.event_time < e.recorded_at - ${LATE} OR e.event_time > e.recorded_at + ${EARLY})
    ${from === undefined ? '' : `AND e.event_time >= ${from}`} ${upTo === undefined ? '' : `AND e.event_time < ${upTo}`}`;
  // OFFSET 0: the planner takes far times for frequent, and would look for them in order of seq, all through the chain.
  const far = `(SELECT f.* FROM (SELECT e.chain, e.seq, e.recorded_at FROM ledger.entries e
      WHERE ${where(isFar)} OFFSET 0) f
    WHERE f.seq >= w.next AND f.seq < w.upto AND NOT (f.seq >= w.low AND f.seq < w.high) ORDER BY f.seq LIMIT ${most})`;
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
