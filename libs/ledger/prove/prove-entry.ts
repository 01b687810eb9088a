import { CodedError } from '#libs/kernel/coded-error.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { openCheckpoint } from '#libs/tlog/checkpoint.js';
import { inclusionRanges, proveInclusion } from '#libs/tlog/inclusion-proof.js';
import { checkTlogProof, formatTlogProof, parseTlogProof } from '#libs/tlog/tlog-proof.js';
import { formatVkey, type NoteVerifier } from '#libs/tlog/vkey.js';
import { inSnapshot } from './in-snapshot.js';
import { treeReader } from './tree-reader.js';

export interface EntryProof {
  readonly eventId: string;
  readonly chain: string;
  readonly seq: bigint;
  /** The size of the checkpoint that covers it. */
  readonly size: bigint;
  readonly vkey: string;
  /** A C2SP tlog-proof whose `extra` is the entry. */
  readonly proof: Buffer;
  readonly entry: Buffer;
  /** Both undefined where the payload has been erased. */
  readonly salt: Buffer | undefined;
  readonly payload: Buffer | undefined;
}

interface Row {
  chain: number;
  name: string;
  origin: string;
  seq: string;
  entry: Buffer;
  salt: Buffer | null;
  payload: Buffer | null;
}

/**
 * Proves that an event is sealed, under the newest checkpoint of its chain, from one snapshot of the
 * database. The proof is checked before it is given out. Throws NO_SUCH_EVENT, NOT_SIGNED_YET (a
 * checkpoint follows within a second), NO_TRUSTED_KEY, and PROOF_INVALID when the ledger contradicts itself.
 */
export const proveEntry = (
  url: string,
  eventId: string,
  logs: readonly NoteVerifier[],
): Promise<EntryProof> => inSnapshot(url, (query) => prove(query, eventId, logs));

async function prove(query: BulkQuery, eventId: string, logs: readonly NoteVerifier[]): Promise<EntryProof> {
  const [row] = await query<Row>(
    `SELECT e.chain, c.name, c.origin, e.seq::text, e.entry, p.salt, p.payload
     FROM ledger.entries e JOIN ledger.chains c USING (chain) LEFT JOIN ledger.payloads p USING (chain, seq)
     WHERE e.event_id = $1`,
    [eventId],
  );
  if (row === undefined) throw new CodedError('NO_SUCH_EVENT', `no event ${eventId} is sealed`);
  const log = trustedLog(logs, row.origin);
  const seq = BigInt(row.seq);
  const [last] = await query<{ note: Buffer }>(
    'SELECT note FROM ledger.checkpoints WHERE chain = $1 ORDER BY checkpoints.number DESC LIMIT 1',
    [row.chain],
  );
  const opened = last === undefined ? undefined : openCheckpoint(last.note, log);
  if (opened?.ok === false) throw invalid(`the last checkpoint of ${row.name} is ${opened.problem}`);
  if (last === undefined || opened === undefined || opened.checkpoint.size <= seq)
    throw new CodedError(
      'NOT_SIGNED_YET',
      `entry ${seq} of ${row.name} is not covered by a signed checkpoint yet: try again in a second`,
    );
  const { size } = opened.checkpoint;
  const read = await treeReader(query, row.chain, size, inclusionRanges(seq, size));
  const proof = formatTlogProof({
    extra: row.entry.length <= 32_768 ? row.entry : undefined,
    index: seq,
    hashes: proveInclusion(seq, size, read),
    checkpoint: last.note,
  });
  const parsed = parseTlogProof(proof);
  if (parsed === undefined || !checkTlogProof(parsed, row.entry, log).ok)
    throw invalid(`entry ${seq} of ${row.name} is not under its own checkpoint`);
  return {
    eventId,
    chain: row.name,
    seq,
    size,
    vkey: formatVkey(log),
    proof,
    entry: row.entry,
    salt: row.salt ?? undefined,
    payload: row.payload ?? undefined,
  };
}

/** The key that the caller trusts for an origin; what the database says about keys counts for nothing. */
export function trustedLog(logs: readonly NoteVerifier[], origin: string): NoteVerifier {
  const log = logs.find(({ name, type }) => name === origin && type === 'log');
  if (log === undefined) throw new CodedError('NO_TRUSTED_KEY', `no key is trusted for ${origin}`);
  return log;
}

export const invalid = (what: string): CodedError =>
  new CodedError(
    'PROOF_INVALID',
    `${what}: run countersign ledger verify (deploy/runbooks/ledger-tampered.md)`,
  );
