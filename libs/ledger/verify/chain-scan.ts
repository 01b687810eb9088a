import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { Checkpoint } from '#libs/tlog/checkpoint.js';
import { CompactRange } from '#libs/tlog/compact-range.js';
import { decodeEntry, type Entry } from '#libs/tlog/entry.js';
import { genesisHash } from '#libs/tlog/genesis.js';
import { leafHash, payloadCommitment } from '#libs/tlog/hashing.js';
import type { NoteVerifier } from '#libs/tlog/vkey.js';
import type { Chain } from '../chain.js';
import { isSealedByLedger } from '../event-columns.js';
import { checkProducerSeq } from '../producer-sequence.js';
import type { CheckpointCursor } from './checkpoint-cursor.js';
import { entryColumnMismatches, payloadColumnMismatches } from './check-columns.js';
import type { EntryRow } from './entry-row.js';
import type { FindingKind, Findings } from './finding.js';
import { LinkCheck } from './link-check.js';
import type { SourceCheck } from './source-check.js';
import { TileCheck } from './tile-check.js';

export interface VerifiedChain extends Chain {
  readonly log: NoteVerifier;
  /** The copy outside the database, where there is one. */
  readonly pinned: Checkpoint | undefined;
}

/** A finding that ingest must have stored as well. */
export interface ExpectedFinding {
  readonly seq: bigint;
  readonly kind: string;
  readonly detail: string;
}

/**
 * Goes through a chain's entries once, in order, and rebuilds from their bytes alone what every other
 * table must say. Constant memory but for one number a producer.
 */
export class ChainScan {
  /** The entries seen. */
  count = 0n;
  /** The tree of the entries' own bytes; means nothing once `gap` is set. */
  readonly range = CompactRange.empty();
  /** The computed leaf hash of the last entry; the genesis hash before the first. */
  head: Buffer;
  /** A seq was missing: what follows is still checked, but positions in the tree are not known any more. */
  gap = false;
  readonly links = new LinkCheck();
  readonly producers = new Map<string, bigint>();
  readonly expectedFindings: ExpectedFinding[] = [];
  private readonly tiles: TileCheck;
  private recordedAt = 0n;
  private nextSeq = 0n;
  private goodSize = 0n;
  private rootWrong = false;

  constructor(
    query: BulkQuery,
    private readonly chain: VerifiedChain,
    private readonly checkpoints: CheckpointCursor,
    private readonly sources: SourceCheck,
    private readonly findings: Findings,
  ) {
    this.head = genesisHash(chain.genesis);
    this.tiles = new TileCheck(query, chain, findings);
  }

  async page(rows: readonly EntryRow[]): Promise<void> {
    for (let at = 0; at < rows.length;) {
      await this.compareRoots();
      const stop = await this.nextRoot();
      do {
        this.entry(rows[at] as EntryRow);
        at += 1;
      } while (at < rows.length && this.range.size !== stop);
    }
    await this.tiles.compare();
  }

  /** After the last page. */
  async end(): Promise<void> {
    await this.compareRoots();
    if (!this.gap) await this.tiles.findExtra(this.range.size);
  }

  private report(kind: FindingKind, seq: bigint, detail: string): void {
    this.findings.add(kind, this.chain.name, seq, detail);
  }

  private entry(row: EntryRow): void {
    const seq = BigInt(row.seq);
    if (seq !== this.nextSeq) {
      this.gap = true;
      this.report(
        'SEQ_GAP',
        seq < 0n ? 0n : this.nextSeq,
        `entry ${this.nextSeq} is missing, ${seq} follows`,
      );
    }
    const afterGap = seq !== this.nextSeq;
    this.nextSeq = seq + 1n;
    this.count += 1n;
    const bytes = row.entry ?? Buffer.alloc(0);
    const leaf = leafHash(bytes);
    if (row.leaf?.equals(leaf) !== true)
      this.report('LEAF_MISMATCH', seq, 'the leaf hash is not that of the bytes');
    const entry = decodeEntry(bytes);
    if (entry === undefined) this.report('ENTRY_MALFORMED', seq, 'the bytes are not an entry');
    else this.decoded(row, entry, seq);
    const holds = afterGap || entry === undefined || entry.prev.equals(this.head);
    const altered = this.links.link(seq, holds);
    if (altered !== undefined) this.brokenAt(altered);
    this.head = leaf;
    this.range.append(leaf);
    if (!this.gap) this.tiles.append(leaf);
  }

  /** The entry that LinkCheck named. */
  brokenAt(seq: bigint): void {
    this.report(
      'CHAIN_BREAK',
      seq,
      'its hash is not the one its successor names, or it names another predecessor',
    );
  }

  private decoded(row: EntryRow, entry: Entry, seq: bigint): void {
    if (entry.seq !== seq) this.report('SEQ_FIELD_MISMATCH', seq, `the bytes say ${entry.seq}`);
    if (entry.chainId !== this.chain.chainId) this.report('CHAIN_BREAK', seq, 'it belongs to another chain');
    if (entry.recordedAt < this.recordedAt)
      this.report('TIME_REGRESSION', seq, 'recorded before its predecessor');
    this.recordedAt = entry.recordedAt;
    const wrong = entryColumnMismatches(row, entry);
    if (wrong.length > 0)
      this.report('COLUMN_MISMATCH', seq, `columns differ from the bytes: ${wrong.join(', ')}`);
    this.sources.entry(seq, row.source, entry);
    if (!isSealedByLedger(entry.type)) this.producer(seq, entry);
    this.payload(row, entry, seq);
  }

  private producer(seq: bigint, { producer, producerSeq }: Entry): void {
    const { next, finding } = checkProducerSeq(producer, producerSeq, this.producers.get(producer) ?? 0n);
    this.producers.set(producer, next);
    if (finding === undefined) return;
    this.report(finding.kind, seq, finding.detail);
    this.expectedFindings.push({ seq, ...finding });
  }

  private payload(row: EntryRow, entry: Entry, seq: bigint): void {
    if (row.salt === null || row.payload === null) {
      this.report('UNAUTHORISED_ERASURE', seq, 'salt or payload is missing');
      return;
    }
    const good =
      row.salt.length === 32 &&
      row.payload.length === entry.payloadLength &&
      payloadCommitment(row.salt, row.payload).equals(entry.payloadCommit);
    if (!good) {
      this.report('PAYLOAD_MISMATCH', seq, 'salt and payload are not what the entry commits to');
      return;
    }
    const wrong = payloadColumnMismatches(row, entry, row.payload);
    if (wrong.includes('entry')) this.report('ENTRY_MALFORMED', seq, 'it does not describe its payload');
    else if (wrong.length > 0)
      this.report('COLUMN_MISMATCH', seq, `columns differ from the payload: ${wrong.join(', ')}`);
  }

  /** The next size at which a root must be compared. */
  private async nextRoot(): Promise<bigint | undefined> {
    const next = (await this.checkpoints.peek())?.size;
    const pinned = this.chain.pinned?.size;
    const ahead = pinned !== undefined && pinned > this.range.size ? pinned : undefined;
    return next === undefined || (ahead !== undefined && ahead < next) ? ahead : next;
  }

  private async compareRoots(): Promise<void> {
    for (;;) {
      const next = await this.checkpoints.peek();
      if (next === undefined || next.size > this.range.size) break;
      this.checkpoints.take();
      if (!this.gap && next.size === this.range.size) this.compareRoot(next);
    }
    const { pinned } = this.chain;
    if (!this.gap && pinned?.size === this.range.size && !pinned.root.equals(this.range.root())) {
      const kind = this.rootWrong ? 'ROOT_MISMATCH' : 'CONSISTENCY_FAIL';
      this.report(
        kind,
        lastOf(pinned.size),
        `the checkpoint kept outside for size ${pinned.size} has another root; the history below it was rewritten`,
      );
    }
  }

  private compareRoot(checkpoint: Checkpoint): void {
    if (checkpoint.root.equals(this.range.root())) {
      this.goodSize = checkpoint.size;
      return;
    }
    // Every later root differs as well: the first one says where to look.
    if (!this.rootWrong)
      this.report(
        'ROOT_MISMATCH',
        lastOf(checkpoint.size),
        `the signed root for size ${checkpoint.size} is another; entries up to ${this.goodSize} agree with theirs`,
      );
    this.rootWrong = true;
  }
}

const lastOf = (size: bigint): bigint => (size > 0n ? size - 1n : 0n);
