import { messageOf } from '#libs/kernel/coded-error.js';
import { queryOn, type BulkQuery } from '#libs/postgres/bulk-pool.js';
import { connectBulkReader } from '#libs/postgres/bulk-reader.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { copyOut } from '#libs/postgres/copy-out.js';
import { openCheckpoint, type Checkpoint } from '#libs/tlog/checkpoint.js';
import { encodeGenesis } from '#libs/tlog/genesis.js';
import { readChains, type Chain } from '../chain.js';
import { noteName, readTrustFolder, type TrustFolder } from '../trust-folder.js';
import { ChainScan, type VerifiedChain } from './chain-scan.js';
import { CheckpointCursor } from './checkpoint-cursor.js';
import { findMissingGuards } from './check-guards.js';
import { checkProjections } from './check-projections.js';
import { checkCheckpointsBeyond, checkDerived, checkHead, checkStale, findStrayRows } from './check-rest.js';
import { entriesOf } from './entry-row.js';
import { Findings, verdictOf, type Finding, type Verdict } from './finding.js';
import { SourceCheck } from './source-check.js';

export interface VerifyOptions {
  /** The platform database; any role that may read the schema `ledger`. Nothing is written. */
  readonly url: string;
  /** Holds the logs' keys and their last checkpoints; read before the database. */
  readonly trustFolder: string;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export interface VerifyProgress {
  readonly chain: string;
  /** Entries checked so far, over all chains, and how many the heads promise. */
  readonly entries: number;
  readonly total: number;
}

export interface VerifyReport {
  readonly verdict: Verdict;
  readonly entries: number;
  readonly findings: readonly Finding[];
  /** What is worth knowing and changes no verdict; absent when there is none. For a person, one line each. */
  readonly notices?: readonly string[];
}

/**
 * Checks every byte of the ledger: bytes against hashes, hashes against chain and tree, tree against every
 * signed checkpoint and the copies outside, and all other columns against what they must follow from. One
 * snapshot; the copies outside are read before it, so that what was signed meanwhile is no alarm.
 */
export async function verifyLedger(options: VerifyOptions): Promise<VerifyReport> {
  const findings = new Findings();
  const progress = { entries: 0 };
  const notices: string[] = [];
  const trust = await readTrustFolder(options.trustFolder);
  try {
    await inSnapshot(options.url, async (snapshot) => {
      notices.push(...(await findMissingGuards(snapshot.query)));
      const chains = await verifyAll(snapshot, trust, findings, progress, options);
      const notCompared = await checkProjections(snapshot.query, chains, findings);
      if (notCompared !== undefined) notices.push(notCompared);
    });
  } catch (error) {
    findings.add('INTERRUPTED', '*', undefined, messageOf(error));
  }
  const list = findings.list();
  return {
    verdict: verdictOf(list, trust.logs.length > 0),
    entries: progress.entries,
    findings: list,
    ...(notices.length > 0 ? { notices } : {}),
  };
}

/** One snapshot seen by two connections: entries stream through one while the other answers the rest. */
interface Snapshot {
  readonly entries: PgClient;
  readonly query: BulkQuery;
}

async function inSnapshot(url: string, work: (snapshot: Snapshot) => Promise<void>): Promise<void> {
  const first = await connectClient(url, 'countersign verify');
  try {
    await first.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const exported = await first.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
    const second = await connectBulkReader(url, 'countersign verify');
    try {
      await second.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await second.query(`SET TRANSACTION SNAPSHOT '${exported.rows[0]?.id}'`);
      // Both tables in order of their keys, however stale the planner's figures are: nothing is sorted or kept.
      await second.query(
        'SET LOCAL enable_sort = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_nestloop = off; SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0',
      );
      await work({ query: queryOn(first), entries: second });
    } finally {
      await second.end();
    }
  } finally {
    await first.end();
  }
}

async function verifyAll(
  { query, entries: connection }: Snapshot,
  trust: TrustFolder,
  findings: Findings,
  progress: { entries: number },
  { onProgress }: VerifyOptions,
): Promise<Chain[]> {
  const chains = await readChains(query);
  const [promised] = await query<{ total: string | null }>(
    'SELECT sum(size)::text AS total FROM ledger.chain_heads',
  );
  const total = Number(promised?.total ?? 0);
  for (const log of trust.logs.filter(({ type }) => type === 'log'))
    if (!chains.some(({ origin }) => origin === log.name))
      findings.add('CHAIN_MISSING', nameOf(log.name), undefined, `there is no chain for ${log.name}`);
  for (const chain of chains) {
    const name = nameOf(chain.origin);
    const verified = identify({ ...chain, name }, chain, trust, findings);
    if (verified === undefined) continue;
    await verifyChain({ query, entries: connection }, verified, findings, (entries) => {
      progress.entries += entries;
      onProgress?.({ chain: name, entries: progress.entries, total });
    });
  }
  await findStrayRows(query, chains, findings);
  return chains.map((chain) => ({ ...chain, name: nameOf(chain.origin) }));
}

/** A chain's name, `<topic>/<partition>`, as its origin ends: the origin is what a key is trusted for. */
const nameOf = (origin: string): string => origin.split('/').slice(-2).join('/');

/** The log's identity comes from the trust folder, never from the database. */
function identify(
  chain: Chain,
  stored: Chain,
  trust: TrustFolder,
  findings: Findings,
): VerifiedChain | undefined {
  const log = trust.logs.find(({ name, type }) => name === chain.origin && type === 'log');
  if (log === undefined) {
    findings.add('ORIGIN_MISMATCH', chain.name, undefined, `no key is trusted for ${chain.origin}`);
    return undefined;
  }
  if (stored.name !== chain.name)
    findings.add('CHAIN_MISMATCH', chain.name, undefined, 'its name is not the one of its origin');
  if (!encodeGenesis(chain).equals(chain.genesis))
    findings.add('CHAIN_MISMATCH', chain.name, undefined, 'its genesis descriptor does not describe it');
  return { ...chain, log, pinned: pinnedOf(chain, log, trust, findings) };
}

function pinnedOf(
  chain: Chain,
  log: VerifiedChain['log'],
  trust: TrustFolder,
  findings: Findings,
): Checkpoint | undefined {
  const note = trust.notes.get(noteName(chain.name));
  if (note === undefined) return undefined;
  const opened = openCheckpoint(note, log);
  if (opened.ok) return opened.checkpoint;
  findings.add(opened.problem, chain.name, undefined, 'the copy of its checkpoint kept outside is not good');
  return undefined;
}

async function verifyChain(
  { query, entries }: Snapshot,
  chain: VerifiedChain,
  findings: Findings,
  onEntries: (entries: number) => void,
): Promise<void> {
  const checkpoints = new CheckpointCursor(query, chain, findings);
  const sources = await SourceCheck.open(query, chain, findings);
  const scan = new ChainScan(query, chain, checkpoints, sources, findings);
  for await (const batch of copyOut(entries, entriesOf(chain.chain))) onEntries(await scan.batch(batch));
  await scan.end();
  sources.end();
  await checkHead(query, chain, scan, findings);
  await checkCheckpointsBeyond(chain, scan, checkpoints, findings);
  await checkStale(query, chain, scan, checkpoints, findings);
  await checkDerived(query, chain, scan, findings);
}
