import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

/** An entry with its columns and its payload, as the tables have them. Nothing in it is believed. */
export interface EntryRow {
  seq: string;
  source: number | null;
  source_offset: string | null;
  recorded_at: string | null;
  event_time: string | null;
  producer_seq: string | null;
  event_id: string | null;
  producer: string | null;
  request_id: string | null;
  session_id: string | null;
  type: string | null;
  identity: string | null;
  leaf: Buffer | null;
  entry: Buffer | null;
  salt: Buffer | null;
  payload: Buffer | null;
}

const PAGE = 2_000;
const LOWEST = -(1n << 63n);

const PAGE_SQL = `SELECT e.seq::text, e.source, e.source_offset::text, e.recorded_at::text, e.event_time::text,
    e.producer_seq::text, e.event_id::text, e.producer::text, e.request_id::text, e.session_id::text,
    e.type, e.identity, e.leaf, e.entry, p.salt, p.payload
  FROM ledger.entries e LEFT JOIN ledger.payloads p ON p.chain = e.chain AND p.seq = e.seq
  WHERE e.chain = $1 AND e.seq >= $2 ORDER BY e.seq LIMIT ${PAGE}`;

/** All entries of a chain in order of seq, a page at a time; the next page is on its way meanwhile. */
export async function* entryPages(query: BulkQuery, chain: number): AsyncGenerator<EntryRow[]> {
  let next: Promise<EntryRow[]> | undefined = query<EntryRow>(PAGE_SQL, [chain, LOWEST], 'verify-page');
  while (next !== undefined) {
    const page: EntryRow[] = await next;
    const last = page.at(-1);
    next =
      last === undefined || page.length < PAGE
        ? undefined
        : query<EntryRow>(PAGE_SQL, [chain, BigInt(last.seq) + 1n], 'verify-page');
    // A page that fails while this one is being read is reported when it is awaited.
    next?.catch(() => undefined);
    if (page.length > 0) yield page;
  }
}
