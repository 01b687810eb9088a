import type { Chain } from '#libs/ledger/chain.js';
import { plainArray, type BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { Positions } from './cursor.js';
import { sealedEvent, type SealedEventRow } from './sealed-event.js';

export interface FeedFilter {
  readonly requestId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly type?: string | undefined;
  /** Only events of this identity. */
  readonly identity?: string | undefined;
}

export interface FeedPage {
  readonly events: readonly Record<string, unknown>[];
  readonly next: Positions;
  readonly hasMore: boolean;
}

/** A page holds this much payload at most, but one event at least. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

interface Found {
  chain: number;
  seq: string;
  bytes: number;
}

/**
 * The next events of all chains, in the order they were recorded. What a page has passed is never new
 * again: within a chain the order of commits is the order of seq. Heads are read first, so that a position
 * never passes what was not there yet.
 */
export async function readPage(
  query: BulkQuery,
  chains: readonly Chain[],
  positions: Positions,
  limit: number,
  filter: FeedFilter,
): Promise<FeedPage> {
  const heads = new Map(
    (await query<{ chain: number; size: string }>('SELECT chain, size::text FROM ledger.chain_heads')).map(
      ({ chain, size }) => [chain, BigInt(size)],
    ),
  );
  const places = chains.map((chain) => ({
    ...chain,
    next: positions.get(chain.name) ?? 0n,
    end: heads.get(chain.chain) ?? 0n,
  }));
  const found = await find(query, places, limit + 1, filter);
  const taken = withinBytes(found.slice(0, limit));
  const hasMore = found.length > taken.length;
  const next = new Map(places.map(({ name, next: from, end }) => [name, hasMore || end < from ? from : end]));
  const names = new Map(chains.map(({ chain, name }) => [chain, name]));
  if (hasMore) for (const { chain, seq } of taken) next.set(names.get(chain) as string, BigInt(seq) + 1n);
  return { events: await fetchEvents(query, taken), next, hasMore };
}

function find(
  query: BulkQuery,
  places: readonly { chain: number; next: bigint; end: bigint }[],
  limit: number,
  filter: FeedFilter,
): Promise<Found[]> {
  const values: unknown[] = [
    plainArray(places.map(({ chain }) => chain)),
    plainArray(places.map(({ next }) => next)),
    plainArray(places.map(({ end }) => end)),
    limit,
  ];
  const conditions: string[] = [];
  const add = (column: string, value: string | undefined): void => {
    if (value !== undefined) conditions.push(`AND e.${column} = $${values.push(value)}`);
  };
  add('request_id', filter.requestId);
  add('session_id', filter.sessionId);
  add('type', filter.type);
  add('identity', filter.identity);
  const rows = `SELECT e.chain, e.seq, e.recorded_at FROM ledger.entries e
    WHERE e.chain = c.chain AND e.seq >= c.next AND e.seq < c.upto ${conditions.join(' ')}`;
  // One request or session is a handful of rows that an index finds; anything else is read chain by chain.
  const few = filter.requestId !== undefined || filter.sessionId !== undefined;
  return query<Found>(
    `SELECT f.chain, f.seq::text, octet_length(p.payload) AS bytes
     FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS c(chain, next, upto)
     CROSS JOIN LATERAL (${few ? rows : `${rows} ORDER BY e.seq LIMIT $4`}) AS f
     JOIN ledger.payloads p ON p.chain = f.chain AND p.seq = f.seq
     ORDER BY f.recorded_at, f.chain, f.seq LIMIT $4`,
    values,
  );
}

function withinBytes(found: readonly Found[]): readonly Found[] {
  let bytes = 0;
  const cut = found.findIndex((row, index) => (bytes += row.bytes) > MAX_PAGE_BYTES && index > 0);
  return cut === -1 ? found : found.slice(0, cut);
}

async function fetchEvents(query: BulkQuery, rows: readonly Found[]): Promise<Record<string, unknown>[]> {
  const events = await query<SealedEventRow>(
    `SELECT c.name AS chain, e.seq::text, e.type, e.event_id::text, e.recorded_at::text,
       e.producer::text, e.producer_seq::text, p.payload
     FROM unnest($1::int[], $2::bigint[]) WITH ORDINALITY AS w(chain, seq, place)
     JOIN ledger.entries e USING (chain, seq) JOIN ledger.payloads p USING (chain, seq)
     JOIN ledger.chains c USING (chain) ORDER BY w.place`,
    [plainArray(rows.map(({ chain }) => chain)), plainArray(rows.map(({ seq }) => seq))],
  );
  return events.map(sealedEvent);
}
