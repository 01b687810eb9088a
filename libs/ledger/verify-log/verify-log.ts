import { messageOf } from '#libs/kernel/coded-error.js';
import { openCheckpoint, type Checkpoint } from '#libs/tlog/checkpoint.js';
import { decodeBundle, MAX_ENTRY_BYTES } from '#libs/tlog/entry-bundle.js';
import { TILE_WIDTH, type Tile } from '#libs/tlog/tile.js';
import type { NoteVerifier } from '#libs/tlog/vkey.js';
import type { Findings } from '../verify/finding.js';
import type { LogReader } from './log-reader.js';
import { LogScan } from './log-scan.js';
import type { PayloadReader } from './payload-reader.js';
import { PublishedPayloads } from './published-payloads.js';
import { PublishedTiles, readTileBytes } from './published-tiles.js';

/** A log to verify: the key says which one it is; the server is believed nothing. */
export interface LogToVerify {
  /** What findings call it. */
  readonly chain: string;
  readonly log: NoteVerifier;
  readonly reader: LogReader;
  /** The last checkpoint of it that the caller has seen, as it was signed. */
  readonly trustedNote: Uint8Array | undefined;
  /** Absent: payloads are not checked. */
  readonly payloads?: PayloadReader | undefined;
}

export interface LogProgress {
  readonly chain: string;
  readonly entries: number;
  readonly total: number;
}

const MAX_NOTE_BYTES = 65_536;
const MAX_BUNDLE_BYTES = TILE_WIDTH * (MAX_ENTRY_BYTES + 2);
const MAX_GENESIS_BYTES = 65_536;

/** Bundles on their way while one is checked. */
const AHEAD = 4n;

/**
 * Reads a whole published log and checks it: signature, entries against one another, every tile against the
 * entries, the signed root, and that the checkpoint trusted so far lies below it. Payloads are not
 * published: without a reader for them what is checked are the commitments. Returns the number of entries.
 */
export async function verifyLog(
  target: LogToVerify,
  findings: Findings,
  onProgress: (progress: LogProgress) => void = () => undefined,
): Promise<number> {
  const { chain, log } = target;
  const progress = { entries: 0 };
  try {
    const trusted = openTrusted(target, findings);
    const note = await target.reader.read('checkpoint', MAX_NOTE_BYTES);
    if (note === undefined) {
      findings.add('CHAIN_MISSING', chain, undefined, 'it serves no checkpoint');
      return 0;
    }
    const opened = openCheckpoint(note, log);
    if (!opened.ok) {
      findings.add(opened.problem, chain, undefined, 'the checkpoint it serves is not good');
      return 0;
    }
    await scan(target, opened.checkpoint, trusted, findings, (entries) => {
      progress.entries = entries;
      onProgress({ chain, entries, total: Number(opened.checkpoint.size) });
    });
  } catch (error) {
    findings.add('INTERRUPTED', chain, undefined, messageOf(error));
  }
  return progress.entries;
}

function openTrusted({ chain, log, trustedNote }: LogToVerify, findings: Findings): Checkpoint | undefined {
  if (trustedNote === undefined) return undefined;
  const opened = openCheckpoint(trustedNote, log);
  if (opened.ok) return opened.checkpoint;
  findings.add(opened.problem, chain, undefined, 'the checkpoint trusted so far is not good');
  return undefined;
}

async function scan(
  { chain, reader, payloads }: LogToVerify,
  signed: Checkpoint,
  trusted: Checkpoint | undefined,
  findings: Findings,
  onEntries: (entries: number) => void,
): Promise<void> {
  const genesis = await reader.read('genesis', MAX_GENESIS_BYTES);
  if (genesis === undefined)
    findings.add('CHAIN_MISMATCH', chain, undefined, 'it serves no genesis descriptor');
  const entries = new LogScan(chain, genesis ?? Buffer.alloc(0), findings);
  const tiles = new PublishedTiles(reader, chain, findings);
  const contents = new PublishedPayloads(payloads, chain, findings);
  compareTrusted(chain, entries, signed, trusted, findings);
  for await (const { tile, bytes } of bundles(reader, signed.size)) {
    const begin = tile.n * BigInt(TILE_WIDTH);
    if (bytes === undefined) {
      findings.add('TRUNCATED', chain, begin, `signed up to ${signed.size}, but its entries are not served`);
      return;
    }
    const bundle = decodeBundle(bytes)?.slice(0, tile.width);
    if (bundle?.length !== tile.width) {
      findings.add('BUNDLE_MALFORMED', chain, begin, 'not a whole number of entries');
      return;
    }
    for (const entry of bundle) {
      await tiles.append(entries.entry(entry));
      compareTrusted(chain, entries, signed, trusted, findings);
    }
    await contents.check(begin, bundle);
    onEntries(Number(entries.range.size));
  }
  await tiles.end(signed.size);
  const rooted = entries.range.root().equals(signed.root);
  entries.end(rooted);
  if (!rooted)
    findings.add(
      'ROOT_MISMATCH',
      chain,
      lastOf(signed.size),
      `the signed root for size ${signed.size} is not the one its entries make`,
    );
  if (trusted !== undefined && trusted.size > signed.size)
    findings.add(
      'STALE',
      chain,
      lastOf(trusted.size),
      `it serves size ${signed.size}, but size ${trusted.size} has been seen before`,
    );
}

/** Every entry is re-hashed anyway, so the tree itself stands in for a consistency proof. */
function compareTrusted(
  chain: string,
  { range }: LogScan,
  signed: Checkpoint,
  trusted: Checkpoint | undefined,
  findings: Findings,
): void {
  if (trusted === undefined || trusted.size !== range.size || trusted.root.equals(range.root())) return;
  const forked = trusted.size === signed.size && !trusted.root.equals(signed.root);
  findings.add(
    forked ? 'FORK_EVIDENCE' : 'CONSISTENCY_FAIL',
    chain,
    lastOf(trusted.size),
    forked
      ? `two signed roots for size ${trusted.size}: keep both notes`
      : `the checkpoint seen before, of size ${trusted.size}, is not in this history: keep both notes`,
  );
}

const lastOf = (size: bigint): bigint => (size > 0n ? size - 1n : 0n);

/** The entry bundles of a log of that size, in order; some are fetched ahead. */
async function* bundles(
  reader: LogReader,
  size: bigint,
): AsyncGenerator<{ tile: Tile; bytes: Buffer | undefined }> {
  const width = BigInt(TILE_WIDTH);
  const count = (size + width - 1n) / width;
  const fetched: { tile: Tile; bytes: Promise<Buffer | undefined> }[] = [];
  for (let n = 0n; n < count + AHEAD; n += 1n) {
    if (n < count) {
      const left = size - n * width;
      const tile: Tile = { level: 'entries', n, width: left < width ? Number(left) : TILE_WIDTH };
      const bytes = readTileBytes(reader, tile, MAX_BUNDLE_BYTES);
      // One that fails while an earlier one is checked is reported when it is awaited.
      bytes.catch(() => undefined);
      fetched.push({ tile, bytes });
    }
    const next = n >= AHEAD - 1n ? fetched.shift() : undefined;
    if (next !== undefined) yield { tile: next.tile, bytes: await next.bytes };
  }
}
