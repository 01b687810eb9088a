import { uuidToBytes } from '#libs/kernel/uuid.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { Checkpoint } from '#libs/tlog/checkpoint.js';
import { decodeEntry, type Entry } from '#libs/tlog/entry.js';
import { genesisHash } from '#libs/tlog/genesis.js';
import { leafHash, payloadCommitment } from '#libs/tlog/hashing.js';
import { hashBytes, hashText, LeafTree } from '#libs/tlog/leaf-tree.js';
import type { NoteVerifier } from '#libs/tlog/vkey.js';
import type { Chain } from '../chain.js';
import { isSealedByLedger, isSequenceType } from '../event-columns.js';
import { checkProducerSeq } from '../producer-sequence.js';
import { sequenceEntry, type SequenceEntry } from '../sequence-entry.js';
import type { CheckpointCursor } from './checkpoint-cursor.js';
import { entryColumnMismatches, payloadColumnMismatches } from './check-columns.js';
import { EntryRows, type EntryRow } from './entry-row.js';
import type { FindingKind, Findings } from './finding.js';
import { LinkCheck } from './link-check.js';
import { ProducerPositions } from './producer-positions.js';
import { SoundEntry, type Expected } from './sound-entry.js';
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
  /** The tree of the entries' own bytes; means nothing once `gap` is set. */
  readonly tree = new LeafTree((tile) => {
    if (!this.gap) this.tiles.filled(tile);
  });
  /** A seq was missing: what follows is still checked, but positions in the tree are not known any more. */
  gap = false;
  readonly links = new LinkCheck();
  readonly producers = new ProducerPositions();
  readonly expectedFindings: ExpectedFinding[] = [];
  private readonly tiles: TileCheck;
  private readonly rows = new EntryRows();
  private readonly sound: SoundEntry;
  /** What a sound row moves on; a row that is looked at properly reads and writes it through `last`. */
  private readonly expected: Expected;
  /** The same in full width, where a number does not fit the fast way; only read when `expected` has NaN. */
  private wide = { seq: 0n, recordedAt: 0n };
  /** What the ledger says of its own behind the entry `behind`, if that was out of sequence. */
  private due: { readonly behind: bigint; readonly entry: SequenceEntry } | undefined;
  private goodSize = 0n;
  private rootWrong = false;

  constructor(
    query: BulkQuery,
    private readonly chain: VerifiedChain,
    private readonly checkpoints: CheckpointCursor,
    private readonly sources: SourceCheck,
    private readonly findings: Findings,
  ) {
    this.tiles = new TileCheck(query, chain, findings);
    this.sound = new SoundEntry(uuidToBytes(chain.chainId), this.producers);
    this.expected = {
      seq: 0,
      head: hashText(genesisHash(chain.genesis)),
      recordedAt: 0,
      source: Number.NaN,
      sourceBytes: Buffer.alloc(0),
      offset: Number.NaN,
      leaderEpoch: 0,
    };
  }

  /** The entries seen. */
  get count(): bigint {
    return BigInt(this.tree.size);
  }

  /** The computed leaf hash of the last entry; the genesis hash before the first. */
  get head(): Buffer {
    return hashBytes(this.expected.head);
  }

  /** Takes a batch of rows as copyOut gives them; their bytes are overwritten. Returns how many there were. */
  async batch(bytes: Buffer): Promise<number> {
    const before = this.tree.size;
    const { rows } = this;
    rows.over(bytes);
    while (rows.more) {
      await this.compareRoots();
      const stop = await this.nextRoot();
      do {
        rows.next();
        if (this.sound.check(rows, this.expected)) this.soundEntry();
        else this.entry(rows);
      } while (rows.more && this.tree.size !== stop);
    }
    await this.tiles.compareWhenMany();
    return this.tree.size - before;
  }

  /** After the last batch. */
  async end(): Promise<void> {
    this.handOverSource();
    await this.compareRoots();
    await this.tiles.compare();
    if (!this.gap) await this.tiles.findExtra(this.count);
  }

  private soundEntry(): void {
    if (this.links.pending) this.linked(BigInt(this.expected.seq) - 1n, true);
    this.tree.append(this.sound.leaf);
  }

  private report(kind: FindingKind, seq: bigint, detail: string): void {
    this.findings.add(kind, this.chain.name, seq, detail);
  }

  /** A row that is not plainly sound: says what is wrong with it, if anything is. */
  private entry(rows: EntryRows): void {
    this.handOverSource();
    const row = rows.row();
    const { expected } = this;
    const before = this.findings.total;
    const seq = BigInt(row.seq);
    const due = Number.isNaN(expected.seq) ? this.wide.seq : BigInt(expected.seq);
    if (seq !== due) {
      this.gap = true;
      this.report('SEQ_GAP', seq < 0n ? 0n : due, `entry ${due} is missing, ${seq} follows`);
    }
    this.wide.seq = seq + 1n;
    expected.seq = toNumber(this.wide.seq);
    const bytes = row.entry ?? Buffer.alloc(0);
    const leaf = leafHash(bytes);
    if (row.leaf?.equals(leaf) !== true)
      this.report('LEAF_MISMATCH', seq, 'the leaf hash is not that of the bytes');
    const entry = decodeEntry(bytes);
    if (entry === undefined) this.report('ENTRY_MALFORMED', seq, 'the bytes are not an entry');
    else this.decoded(row, entry, seq);
    this.linked(seq, seq !== due || entry === undefined || entry.prev.equals(this.head));
    expected.head = hashText(leaf);
    this.tree.append(expected.head);
    if (entry !== undefined && this.findings.total === before) this.takeSource(row, entry, bytes);
    else expected.source = Number.NaN;
  }

  private linked(seq: bigint, holds: boolean): void {
    const altered = this.links.link(seq, holds);
    if (altered !== undefined) this.brokenAt(altered);
  }

  /** From here on, entries of the same source are sound by comparison with this one. */
  private takeSource(row: EntryRow, { source }: Entry, bytes: Buffer): void {
    const { expected } = this;
    const length = 2 + Buffer.byteLength(source.cluster) + 2 + Buffer.byteLength(source.topicId) + 4;
    expected.source = row.source ?? Number.NaN;
    expected.sourceBytes = bytes.subarray(SOURCE_AT, SOURCE_AT + length);
    expected.offset = toNumber(source.offset);
    expected.leaderEpoch = source.leaderEpoch;
  }

  private handOverSource(): void {
    const { expected } = this;
    if (!Number.isNaN(expected.source) && !Number.isNaN(expected.offset))
      this.sources.reached(
        expected.source,
        BigInt(expected.offset),
        expected.leaderEpoch,
        BigInt(expected.seq) - 1n,
      );
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
    const { expected } = this;
    const recordedAt = Number.isNaN(expected.recordedAt) ? this.wide.recordedAt : BigInt(expected.recordedAt);
    if (entry.recordedAt < recordedAt) this.report('TIME_REGRESSION', seq, 'recorded before its predecessor');
    this.wide.recordedAt = entry.recordedAt;
    expected.recordedAt = toNumber(entry.recordedAt);
    const wrong = entryColumnMismatches(row, entry);
    if (wrong.length > 0)
      this.report('COLUMN_MISMATCH', seq, `columns differ from the bytes: ${wrong.join(', ')}`);
    this.sources.entry(seq, row.source, entry);
    if (!isSealedByLedger(entry.type)) this.producer(seq, entry);
    this.payload(row, entry, seq);
  }

  private producer(seq: bigint, { producer, producerSeq, eventId, source }: Entry): void {
    const { next, finding } = checkProducerSeq(producer, producerSeq, this.producers.next(producer));
    this.producers.set(producer, next);
    if (finding === undefined) return;
    this.report(finding.kind, seq, finding.detail);
    this.expectedFindings.push({ seq, ...finding });
    const entry = sequenceEntry(finding, { chain: this.chain.name, seq, eventId, source });
    this.due = { behind: seq, entry };
  }

  /** Ledgers of before have none of these entries; one that is there says what its predecessor shows. */
  private sequence(seq: bigint, { eventId, type }: Entry, payload: Buffer): void {
    const due = this.due?.behind === seq - 1n ? this.due.entry : undefined;
    if (due?.eventId !== eventId || due.type !== type || !due.payload.equals(payload))
      this.report('FINDING_MISMATCH', seq, 'it says what the entry before it does not show');
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
    if (isSequenceType(entry.type)) this.sequence(seq, entry, row.payload);
    const wrong = payloadColumnMismatches(row, entry, row.payload);
    if (wrong.includes('entry')) this.report('ENTRY_MALFORMED', seq, 'it does not describe its payload');
    else if (wrong.length > 0)
      this.report('COLUMN_MISMATCH', seq, `columns differ from the payload: ${wrong.join(', ')}`);
  }

  /** The next size at which a root must be compared. */
  private async nextRoot(): Promise<number | undefined> {
    const next = (await this.checkpoints.peek())?.size;
    const pinned = this.chain.pinned?.size;
    const ahead = pinned !== undefined && pinned > this.count ? pinned : undefined;
    const stop = next === undefined || (ahead !== undefined && ahead < next) ? ahead : next;
    return stop === undefined ? undefined : Number(stop);
  }

  private async compareRoots(): Promise<void> {
    for (;;) {
      const next = await this.checkpoints.peek();
      if (next === undefined || next.size > this.count) break;
      this.checkpoints.take();
      if (!this.gap && next.size === this.count) this.compareRoot(next);
    }
    const { pinned } = this.chain;
    if (!this.gap && pinned?.size === this.count && !pinned.root.equals(this.tree.root())) {
      const kind = this.rootWrong ? 'ROOT_MISMATCH' : 'CONSISTENCY_FAIL';
      this.report(
        kind,
        lastOf(pinned.size),
        `the checkpoint kept outside for size ${pinned.size} has another root; the history below it was rewritten`,
      );
    }
  }

  private compareRoot(checkpoint: Checkpoint): void {
    const { pinned } = this.chain;
    if (pinned?.size === checkpoint.size && !pinned.root.equals(checkpoint.root))
      this.report(
        'FORK_EVIDENCE',
        lastOf(checkpoint.size),
        `two signed roots for size ${checkpoint.size}, here and in the copy outside: keep both notes`,
      );
    if (checkpoint.root.equals(this.tree.root())) {
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

/** Where an entry names its source (docs/formats/ledger-entry.md). */
const SOURCE_AT = 88;

/** NaN, which equals nothing, for what a number cannot hold exactly. */
const toNumber = (value: bigint): number =>
  value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.NaN;

const lastOf = (size: bigint): bigint => (size > 0n ? size - 1n : 0n);
