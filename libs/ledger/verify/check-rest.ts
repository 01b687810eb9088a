import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { claimCheck } from '../claim-check.js';
import type { ChainScan, VerifiedChain } from './chain-scan.js';
import type { CheckpointCursor } from './checkpoint-cursor.js';
import type { Findings } from './finding.js';

interface HeadRow {
  size: string;
  head: Buffer | null;
  compact_range: Buffer | null;
  epoch: string;
  writer: string;
  claim_check: Buffer | null;
}

/** The head row against the entries. Returns whether it names the last entry's hash. */
export async function checkHead(
  query: BulkQuery,
  chain: VerifiedChain,
  scan: ChainScan,
  findings: Findings,
): Promise<void> {
  const [row] = await query<HeadRow>(
    `SELECT size::text, head, compact_range, epoch::text, writer::text, claim_check
     FROM ledger.chain_heads WHERE chain = $1`,
    [chain.chain],
  );
  const last = scan.count > 0n ? scan.count - 1n : 0n;
  const report = (kind: 'HEAD_MISMATCH' | 'TAIL_LOSS', detail: string): void =>
    findings.add(kind, chain.name, last, detail);
  const altered = scan.links.end(row?.head?.equals(scan.head) === true);
  if (altered !== undefined) scan.brokenAt(altered);
  if (row === undefined) {
    report('HEAD_MISMATCH', 'the chain has no head');
    return;
  }
  const size = BigInt(row.size);
  if (size > scan.count) report('TAIL_LOSS', `the head is at ${size}, but there are ${scan.count} entries`);
  else if (size < scan.count)
    report('HEAD_MISMATCH', `the head is at ${size}, but there are ${scan.count} entries`);
  if (row.head?.equals(scan.head) !== true) report('HEAD_MISMATCH', 'the head is not the last entry');
  if (!scan.gap && row.compact_range?.equals(scan.tree.encode()) !== true)
    report('HEAD_MISMATCH', 'the compact range is not that of the entries');
  if (row.claim_check?.equals(claimCheck(chain.chainId, BigInt(row.epoch), row.writer)) !== true)
    report('HEAD_MISMATCH', 'epoch or writer were edited');
}

/** What checkpoints promise of entries that are not there. */
export async function checkCheckpointsBeyond(
  chain: VerifiedChain,
  scan: ChainScan,
  checkpoints: CheckpointCursor,
  findings: Findings,
): Promise<void> {
  let beyond: bigint | undefined;
  for (let next = await checkpoints.peek(); next !== undefined; next = await checkpoints.peek()) {
    checkpoints.take();
    beyond = next.size;
  }
  if (beyond !== undefined && beyond > scan.count)
    findings.add(
      'TRUNCATED',
      chain.name,
      scan.count,
      `signed up to ${beyond}, but there are ${scan.count} entries`,
    );
  if (checkpoints.reached < 0n)
    findings.add('CHECKPOINT_GAP', chain.name, undefined, 'the chain has no good checkpoint at all');
  const { pinned } = chain;
  if (pinned === undefined) {
    findings.add(
      'NO_PINNED_CHECKPOINT',
      chain.name,
      undefined,
      'no copy of its last checkpoint is kept outside',
    );
  } else if (checkpoints.reached < pinned.size) {
    findings.add(
      'ROLLBACK',
      chain.name,
      pinned.size > 0n ? pinned.size - 1n : 0n,
      `the copy outside is of size ${pinned.size}, the database's last checkpoint of ${checkpoints.reached}`,
    );
  }
}

/** Longer than any signer needs to come back; a running one signs within a second. Microseconds. */
const UNSIGNED_FOR = 600_000_000n;

/** Entries above the last checkpoint are not signed yet; after a while that means that nobody signs. */
export async function checkStale(
  query: BulkQuery,
  chain: VerifiedChain,
  scan: ChainScan,
  checkpoints: CheckpointCursor,
  findings: Findings,
): Promise<void> {
  const first = checkpoints.reached;
  if (first < 0n || first >= scan.count) return;
  const [row] = await query<{ age: string | null }>(
    `SELECT ((extract(epoch FROM now()) * 1000000)::bigint - recorded_at)::text AS age
     FROM ledger.entries WHERE chain = $1 AND seq = $2`,
    [chain.chain, first],
  );
  const age = BigInt(row?.age ?? 0);
  if (age > UNSIGNED_FOR)
    findings.add(
      'STALE',
      chain.name,
      first,
      `sealed ${age / 60_000_000n} minutes ago, and no checkpoint covers it or the ${scan.count - first - 1n} entries behind it`,
    );
}

/** Rows beside the entries that must follow from them: producers' positions and ingest's own findings. */
export async function checkDerived(
  query: BulkQuery,
  chain: VerifiedChain,
  scan: ChainScan,
  findings: Findings,
): Promise<void> {
  const last = scan.count > 0n ? scan.count - 1n : 0n;
  const positions = await query<{ producer: string; next_seq: string }>(
    'SELECT producer::text, next_seq::text FROM ledger.producer_positions WHERE chain = $1',
    [chain.chain],
  );
  const stored = new Map(positions.map((row) => [row.producer, row.next_seq]));
  for (const [producer, next] of scan.producers.entries()) {
    const position = stored.get(producer);
    stored.delete(producer);
    if (position !== next.toString())
      findings.add(
        'POSITION_MISMATCH',
        chain.name,
        last,
        `producer ${producer}: ${position} instead of ${next}`,
      );
  }
  for (const producer of stored.keys())
    findings.add('POSITION_MISMATCH', chain.name, last, `producer ${producer} has sealed nothing`);

  const rows = await query<{ seq: string; kind: string; detail: string }>(
    'SELECT seq::text, kind, detail FROM ledger.findings WHERE chain = $1',
    [chain.chain],
  );
  const key = (row: { seq: string | bigint; kind: string; detail: string }): string =>
    `${row.seq} ${row.kind} ${row.detail}`;
  const found = new Map(rows.map((row) => [key(row), row]));
  for (const expected of scan.expectedFindings)
    if (!found.delete(key(expected)))
      findings.add('FINDING_MISMATCH', chain.name, expected.seq, `ingest's ${expected.kind} is missing`);
  for (const row of found.values())
    findings.add('FINDING_MISMATCH', chain.name, BigInt(row.seq), `a finding nothing shows: ${row.kind}`);

  const orphans = await query<{ seq: string }>(
    `SELECT p.seq::text FROM ledger.payloads p WHERE p.chain = $1
       AND NOT EXISTS (SELECT FROM ledger.entries e WHERE e.chain = p.chain AND e.seq = p.seq)
     ORDER BY p.seq LIMIT 100`,
    [chain.chain],
  );
  for (const { seq } of orphans)
    findings.add('EXTRA_ROW', chain.name, BigInt(seq), 'a payload without an entry');
}

const TABLES = [
  ['chain_heads', 'size'],
  ['consumer_offsets', 'next_offset'],
  ['producer_positions', 'next_seq'],
  ['entries', 'seq'],
  ['payloads', 'seq'],
  ['tiles', 'n'],
  ['checkpoints', 'number'],
  ['findings', 'seq'],
] as const;

/** Rows of chains that do not exist: moved there, or left behind when the chain's own row was changed. */
export async function findStrayRows(
  query: BulkQuery,
  chains: readonly { readonly chain: number }[],
  findings: Findings,
): Promise<void> {
  for (const [table, place] of TABLES) {
    const rows = await query<{ chain: string; place: string }>(
      `SELECT chain::text, ${place}::text AS place FROM ledger.${table} WHERE NOT (chain = ANY ($1::int[])) LIMIT 20`,
      [chains.map(({ chain }) => chain)],
    );
    for (const row of rows)
      findings.add(
        'EXTRA_ROW',
        `#${row.chain}`,
        BigInt(row.place),
        `ledger.${table}: a row of a chain that does not exist`,
      );
  }
}
