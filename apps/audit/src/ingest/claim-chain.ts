import { CodedError } from '#libs/kernel/coded-error.js';
import type { Chain } from '#libs/ledger/chain.js';
import { readChainTree } from '#libs/ledger/chain-tree.js';
import { decodeEntry } from '#libs/tlog/entry.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { ChainSource, ChainState } from './chain-state.js';

interface HeadRow {
  size: string;
  head: Buffer;
  compact_range: Buffer;
  next_offset: string | null;
}

/**
 * Takes the chain over: raises its epoch, so that whoever held it is fenced, then reads what is needed to
 * append. What is read is checked against itself: a head that does not follow from the tiles is
 * LEDGER_INCONSISTENT, and nothing is appended to it.
 */
export async function claimChain(
  query: BulkQuery,
  chain: Chain,
  writer: string,
  source: ChainSource,
): Promise<ChainState> {
  const [claimed] = await query<{ epoch: string }>('SELECT ledger.claim($1, $2)::text AS epoch', [
    chain.chain,
    writer,
  ]);
  const [row] = await query<HeadRow>(
    `SELECT h.size::text, h.head, h.compact_range, o.next_offset::text
     FROM ledger.chain_heads h LEFT JOIN ledger.consumer_offsets o
       ON o.chain = h.chain AND o.cluster = $2 AND o.topic_id = $3
     WHERE h.chain = $1`,
    [chain.chain, source.cluster, source.topicId],
  );
  if (claimed === undefined || row === undefined) throw inconsistent(chain, 'it has no head');
  const size = BigInt(row.size);
  const tree = await readChainTree(query, chain.chain, size);
  if (!tree.range.encode().equals(row.compact_range))
    throw inconsistent(chain, 'its head does not follow from its tiles');
  const [last] = await query<{ leaf: Buffer; entry: Buffer }>(
    'SELECT leaf, entry FROM ledger.entries WHERE chain = $1 AND seq = $2',
    [chain.chain, size - 1n],
  );
  if (size > 0n && !last?.leaf.equals(row.head)) throw inconsistent(chain, 'its head is not its last entry');
  const entry = last === undefined ? undefined : decodeEntry(last.entry);
  const sameSource = entry?.source.cluster === source.cluster && entry.source.topicId === source.topicId;
  const producers = await query<{ producer: string; next_seq: string }>(
    'SELECT producer, next_seq::text FROM ledger.producer_positions WHERE chain = $1',
    [chain.chain],
  );
  return {
    chain: chain.chain,
    name: chain.name,
    chainId: chain.chainId,
    epoch: BigInt(claimed.epoch),
    size,
    head: row.head,
    tree,
    recordedAt: entry?.recordedAt ?? 0n,
    source,
    nextOffset: BigInt(row.next_offset ?? 0),
    leaderEpoch: sameSource ? entry.source.leaderEpoch : -1,
    producers: new Map(producers.map(({ producer, next_seq }) => [producer, BigInt(next_seq)])),
  };
}

const inconsistent = (chain: Chain, what: string): CodedError =>
  new CodedError(
    'LEDGER_INCONSISTENT',
    `chain ${chain.name}: ${what}; run countersign ledger verify (deploy/runbooks/ledger-tampered.md)`,
  );
