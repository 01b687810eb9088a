import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { readHashes } from '#libs/ledger/chain-tree.js';
import { pinCheckpoint } from '#libs/ledger/trust-folder.js';
import type { Logger } from '#libs/observability/logger.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { formatCheckpoint, openCheckpoint, type Checkpoint } from '#libs/tlog/checkpoint.js';
import type { CompactRange } from '#libs/tlog/compact-range.js';
import { noteWith } from '#libs/tlog/signed-note.js';
import type { CheckpointKey } from './checkpoint-key.js';
import { ROLLBACK_RUNBOOK } from './rollback.js';
import type { SignedChain } from './signed-chain.js';

/** Leaf hashes are read in pieces, so that a long absence does not need memory for all of it. */
const LEAVES_AT_ONCE = 20_000n;

export interface CheckpointSignerOptions {
  readonly query: BulkQuery;
  readonly key: CheckpointKey;
  readonly trustFolder: string;
  readonly chains: readonly SignedChain[];
  readonly logger: Logger;
  /** Milliseconds between two looks; a checkpoint lags by this much at most. */
  readonly intervalMs: number;
  /** Why nothing may be signed now; asked before each look. */
  readonly halted?: () => string | undefined;
}

/**
 * Signs the head of every chain soon after it grew. It builds each tree itself, from the last checkpoint
 * it knows and the leaves since then, and signs only what it built and the head agrees with. Order: the
 * row committed, the copy outside stored, then served. A chain that does not agree is halted, the others
 * go on; it is looked at again each time, so that it goes on when it was repaired.
 */
export class CheckpointSigner {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private readonly byName: ReadonlyMap<string, SignedChain>;

  constructor(private readonly options: CheckpointSignerOptions) {
    this.byName = new Map(options.chains.map((signed) => [signed.chain.name, signed]));
  }

  /** Resolves when every chain has a checkpoint, its first one at size 0 included. */
  async start(): Promise<void> {
    await this.signAll();
    const halted = this.problem();
    if (halted !== undefined) throw new CodedError('CANNOT_SIGN', halted);
    this.schedule();
  }

  /** Resolves when no signing is under way any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
    await this.signAll();
  }

  /** The checkpoint to serve for a chain; undefined when there is no such chain. */
  current(chain: string): Buffer | undefined {
    return this.byName.get(chain)?.served;
  }

  /** The size up to which a chain is served. */
  currentSize(chain: string): bigint {
    return this.byName.get(chain)?.range.size ?? 0n;
  }

  problem(): string | undefined {
    return this.options.chains.find(({ halted }) => halted !== undefined)?.halted;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.signAll().finally(() => this.schedule());
    }, this.options.intervalMs);
  }

  private async signAll(): Promise<void> {
    if (this.options.halted?.() !== undefined) return;
    const heads = await this.options
      .query<{
        chain: number;
        size: string;
        compact_range: Buffer;
      }>('SELECT chain, size::text, compact_range FROM ledger.chain_heads')
      .catch((error: unknown) => {
        for (const signed of this.options.chains)
          this.halt(signed, `the ledger cannot be read: ${messageOf(error)}`);
        return undefined;
      });
    if (heads === undefined) return;
    const byChain = new Map(heads.map((head) => [head.chain, head]));
    for (const signed of this.options.chains) {
      const head = byChain.get(signed.chain.chain);
      try {
        if (head === undefined)
          throw new CodedError('ROLLBACK', `ROLLBACK: its head is gone; ${ROLLBACK_RUNBOOK}`);
        await this.sign(signed, BigInt(head.size), head.compact_range);
        if (signed.halted !== undefined)
          this.options.logger.info({ chain: signed.chain.name }, 'signing again');
        signed.halted = undefined;
      } catch (error) {
        this.halt(signed, `chain ${signed.chain.name}: ${messageOf(error)}`);
      }
    }
  }

  private halt(signed: SignedChain, problem: string): void {
    if (signed.halted !== problem)
      this.options.logger.error({ chain: signed.chain.name, problem }, 'signing halted');
    signed.halted = problem;
  }

  private async sign(signed: SignedChain, size: bigint, headRange: Buffer): Promise<void> {
    if (size < signed.range.size)
      throw new CodedError(
        'ROLLBACK',
        `ROLLBACK: signed at size ${signed.range.size}, but it has ${size} entries; ${ROLLBACK_RUNBOOK}`,
      );
    if (size === signed.range.size && signed.served !== undefined) return;
    const range = await this.extend(signed, size);
    if (!range.encode().equals(headRange))
      throw new CodedError(
        'LEDGER_INCONSISTENT',
        'its head does not follow from what was signed and the leaves since then',
      );
    const checkpoint = { origin: signed.chain.origin, size, root: range.root() };
    const note = await this.noteOf(signed, checkpoint);
    const [published] = await this.options.query<{ done: boolean }>(
      'SELECT ledger.publish_checkpoint($1, $2, $3, $4) AS done',
      [signed.chain.chain, signed.number + 1n, size, note],
    );
    if (published?.done === true) await this.serve(signed, signed.number + 1n, note, checkpoint, range);
    else await this.adopt(signed);
  }

  /** Signed, and opened as a reader would: a key that signs something else publishes nothing. */
  private async noteOf(signed: SignedChain, checkpoint: Checkpoint): Promise<Buffer> {
    const body = formatCheckpoint(checkpoint);
    const note = noteWith(body, signed.log, await this.options.key.sign(Buffer.from(body, 'utf8')));
    const opened = openCheckpoint(note, signed.log);
    if (!opened.ok)
      throw new CodedError('SIGNER_FAILED', `what the key signed does not verify (${opened.problem})`);
    return note;
  }

  /** Another signer was faster, or our own commit's answer was lost: its checkpoint is checked like our own. */
  private async adopt(signed: SignedChain): Promise<void> {
    const [row] = await this.options.query<{ number: string; note: Buffer }>(
      'SELECT number::text, note FROM ledger.checkpoints WHERE chain = $1 ORDER BY checkpoints.number DESC LIMIT 1',
      [signed.chain.chain],
    );
    const opened = row === undefined ? undefined : openCheckpoint(row.note, signed.log);
    if (row === undefined || opened?.ok !== true || opened.checkpoint.size < signed.range.size)
      throw new CodedError(
        'ROLLBACK',
        `ROLLBACK: its last checkpoint is gone or is not good; ${ROLLBACK_RUNBOOK}`,
      );
    const range = await this.extend(signed, opened.checkpoint.size);
    if (!range.root().equals(opened.checkpoint.root))
      throw new CodedError(
        'FORK_EVIDENCE',
        `its checkpoint of size ${opened.checkpoint.size} has another root`,
      );
    await this.serve(signed, BigInt(row.number), row.note, opened.checkpoint, range);
  }

  private async extend(signed: SignedChain, size: bigint): Promise<CompactRange> {
    const range = signed.range.copy();
    while (range.size < size) {
      const end = range.size + LEAVES_AT_ONCE < size ? range.size + LEAVES_AT_ONCE : size;
      for (const leaf of await readHashes(this.options.query, signed.chain.chain, 0, range.size, end))
        range.append(leaf);
    }
    return range;
  }

  private async serve(
    signed: SignedChain,
    number: bigint,
    note: Buffer,
    checkpoint: Checkpoint,
    range: CompactRange,
  ): Promise<void> {
    const { name } = signed.chain;
    const pinned = await pinCheckpoint(this.options.trustFolder, name, signed.log, note, checkpoint);
    if (!pinned.stored && pinned.pinned.size === checkpoint.size)
      throw new CodedError('FORK_EVIDENCE', `size ${checkpoint.size} was signed with another root before`);
    // The copy outside may be ahead already: another signer on the same folder stored a later one.
    signed.number = number;
    signed.range = range;
    signed.served = note;
  }
}
