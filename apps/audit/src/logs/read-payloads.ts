import type { Chain } from '#libs/ledger/chain.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

export interface PayloadPage {
  readonly chain: string;
  /** In order, none left out between them. Bytes as base64; null where they were erased. */
  readonly entries: readonly {
    readonly seq: number;
    readonly entry: string;
    readonly salt: string | null;
    readonly payload: string | null;
  }[];
}

/** A page ends before the payload that goes beyond this; the first one is always there. Bytes. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** Entries from `seq` on, below `size`, with what they commit to; undefined when there is none. */
export async function readPayloads(
  query: BulkQuery,
  { chain, name }: Chain,
  seq: bigint,
  limit: number,
  size: bigint,
): Promise<PayloadPage | undefined> {
  const last = seq + BigInt(limit);
  const rows = await query<{ seq: string; entry: Buffer; salt: Buffer | null; payload: Buffer | null }>(
    `SELECT seq::text, entry, salt, payload FROM (
       SELECT e.seq, e.entry, p.salt, p.payload,
         sum(coalesce(octet_length(p.payload), 0)) OVER (ORDER BY e.seq) AS bytes
       FROM ledger.entries e LEFT JOIN ledger.payloads p USING (chain, seq)
       WHERE e.chain = $1 AND e.seq >= $2 AND e.seq < $3) AS page
     WHERE bytes <= $4 OR seq = $2 ORDER BY page.seq`,
    [chain, seq, last < size ? last : size, PAGE_BYTES],
  );
  if (rows.length === 0) return undefined;
  return {
    chain: name,
    entries: rows.map((row) => ({
      seq: Number(row.seq),
      entry: row.entry.toString('base64'),
      salt: row.salt?.toString('base64') ?? null,
      payload: row.payload?.toString('base64') ?? null,
    })),
  };
}
