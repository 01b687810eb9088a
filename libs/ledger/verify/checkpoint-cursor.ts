import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { formatCheckpoint, openCheckpoint, type Checkpoint } from '#libs/tlog/checkpoint.js';
import { parseNote } from '#libs/tlog/signed-note.js';
import type { NoteVerifier } from '#libs/tlog/vkey.js';
import type { Findings } from './finding.js';

const PAGE = 1_000;

interface CheckpointRow {
  number: string;
  size: string;
  note: Buffer | null;
}

/**
 * The stored checkpoints of a chain in order, a page at a time. Each is checked by itself: its form, its
 * signature, its number, its size; what is wrong is reported, and only what is good comes out.
 */
export class CheckpointCursor {
  private page: CheckpointRow[] = [];
  private nextNumber = -(1n << 63n);
  private expected = 0n;
  private lastSize = -1n;
  private exhausted = false;
  private ahead: Checkpoint | undefined;

  constructor(
    private readonly query: BulkQuery,
    private readonly chain: { readonly chain: number; readonly name: string; readonly log: NoteVerifier },
    private readonly findings: Findings,
  ) {}

  /** The size of the last good checkpoint that came out; -1 when none did. */
  get reached(): bigint {
    return this.lastSize;
  }

  /** The next good checkpoint without taking it; undefined at the end. */
  async peek(): Promise<Checkpoint | undefined> {
    while (this.ahead === undefined) {
      const row = await this.nextRow();
      if (row === undefined) return undefined;
      this.ahead = this.check(row);
    }
    return this.ahead;
  }

  take(): void {
    this.ahead = undefined;
  }

  private async nextRow(): Promise<CheckpointRow | undefined> {
    if (this.page.length === 0 && !this.exhausted) {
      this.page = await this.query<CheckpointRow>(
        `SELECT number::text, size::text, note FROM ledger.checkpoints
         WHERE chain = $1 AND number >= $2 ORDER BY checkpoints.number LIMIT ${PAGE}`,
        [this.chain.chain, this.nextNumber],
      );
      this.exhausted = this.page.length < PAGE;
      this.nextNumber = BigInt(this.page.at(-1)?.number ?? 0) + 1n;
    }
    return this.page.shift();
  }

  private check(row: CheckpointRow): Checkpoint | undefined {
    const { name, log } = this.chain;
    const number = BigInt(row.number);
    const note = row.note ?? Buffer.alloc(0);
    const opened = openCheckpoint(note, log);
    const size = opened.ok ? opened.checkpoint.size : BigInt(row.size);
    const report = (kind: Parameters<Findings['add']>[0], detail: string): void =>
      this.findings.add(kind, name, size > 0n ? size - 1n : 0n, `checkpoint ${number}: ${detail}`);
    if (number !== this.expected) report('CHECKPOINT_GAP', `number ${this.expected} was due`);
    this.expected = number + 1n;
    if (!opened.ok) {
      report(opened.problem, `of size ${row.size}`);
      return undefined;
    }
    // Nothing but the log's own signature stands in a stored note, so that every byte of it is accounted for.
    if (
      parseNote(note)?.signatures.length !== 1 ||
      formatCheckpoint(opened.checkpoint) !== parseNote(note)?.text
    )
      report('MALFORMED_CHECKPOINT', 'carries more than the log wrote');
    if (row.size !== size.toString())
      report('COLUMN_MISMATCH', `column size says ${row.size}, the note ${size}`);
    if (size <= this.lastSize) {
      report('CONSISTENCY_FAIL', `size ${size} after ${this.lastSize}`);
      return undefined;
    }
    this.lastSize = size;
    return opened.checkpoint;
  }
}
