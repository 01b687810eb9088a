import type { Chain } from '#libs/ledger/chain.js';
import { plainArray, type BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { Positions } from './cursor.js';
import { findEvents, type FeedFilter, type FoundEvent } from './find-events.js';
import { sealedEvent, type SealedEventRow } from './sealed-event.js';

export interface FeedPage {
  readonly events: readonly Record<string, unknown>[];
  readonly next: Positions;
  readonly hasMore: boolean;
}

/** A page holds this much payload at most, but one event at least. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

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
  const found = await findEvents(query, places, limit + 1, filter);
  const taken = withinBytes(found.slice(0, limit));
  const hasMore = found.length > taken.length;
  const next = new Map(places.map(({ name, next: from, end }) => [name, hasMore || end < from ? from : end]));
  const names = new Map(chains.map(({ chain, name }) => [chain, name]));
  if (hasMore) for (const { chain, seq } of taken) next.set(names.get(chain) as string, BigInt(seq) + 1n);
  return { events: await fetchEvents(query, taken), next, hasMore };
}

function withinBytes(found: readonly FoundEvent[]): readonly FoundEvent[] {
  let bytes = 0;
  const cut = found.findIndex((row, index) => (bytes += row.bytes) > MAX_PAGE_BYTES && index > 0);
  return cut === -1 ? found : found.slice(0, cut);
}

async function fetchEvents(
  query: BulkQuery,
  rows: readonly FoundEvent[],
): Promise<Record<string, unknown>[]> {
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
