import type { Chain } from '#libs/ledger/chain.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { Logger } from '#libs/observability/logger.js';
import type { BulkPool, BulkQuery } from '#libs/postgres/bulk-pool.js';
import { int8Array } from '#libs/postgres/binary-array.js';
import type { Projection, ProjectedEntry, SealedGlance } from './projection.js';
import { SealedRun, type KnownEntries } from './sealed-run.js';

const BATCH = 500;

export interface ProjectionRunnerOptions {
  readonly pool: BulkPool;
  readonly projection: Projection;
  readonly chains: readonly Chain[];
  readonly logger: Logger;
  /** Milliseconds between two looks for new entries. */
  readonly intervalMs: number;
  /** Told of a chain on which the projection stands still, and when it goes on (undefined). */
  readonly onStopped: (chain: string, problem: string | undefined) => void;
}

/** How far a chain goes, and the projection on it. */
interface Head {
  readonly size: bigint;
  readonly next: bigint;
  /** An operator has passed over the entry at `next`. */
  readonly passed: boolean;
}

/** Up to where a step has come, and why no further. */
interface Step {
  readonly next: bigint;
  readonly problem?: string | undefined;
}

/**
 * Keeps a projection up with the ledger: for each chain one position, moved by compare-and-swap in the
 * transaction that stores the rows. An entry it cannot read stops it on that chain, never the others and
 * never sealing; it goes on when an operator passes the entry over.
 */
export class ProjectionRunner {
  private readonly chains: readonly Chain[];
  private readonly runs: ReadonlyMap<number, SealedRun>;
  private readonly stoppedAt = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private ended = false;

  constructor(private readonly options: ProjectionRunnerOptions) {
    const { projection } = options;
    const topics = projection.topics as readonly string[];
    this.chains = options.chains.filter(({ name }) => topics.includes(name.split('/')[0] ?? ''));
    this.runs = new Map(this.chains.map(({ chain }) => [chain, new SealedRun(() => projection.newSieve())]));
  }

  /** This process has sealed these entries: of those that concern nothing here, no payload is read again. */
  sealed(chain: number, entries: readonly SealedGlance[]): void {
    this.runs.get(chain)?.add(entries);
  }

  start(): void {
    this.timer = setTimeout(() => {
      this.running = this.catchUp().finally(() => {
        if (!this.ended) this.start();
      });
    }, this.options.intervalMs);
  }

  /** Resolves when nothing is being stored any more. */
  async stop(): Promise<void> {
    this.ended = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Goes through everything that is sealed now. */
  async catchUp(): Promise<void> {
    try {
      const heads = await this.readHeads();
      for (const chain of this.chains) {
        const head = heads.get(chain.chain);
        if (head !== undefined) await this.catchUpWith(chain, head);
      }
    } catch (error) {
      for (const chain of this.chains) this.failed(chain, error);
    }
  }

  private async catchUpWith(chain: Chain, head: Head): Promise<void> {
    if (head.next === head.size) this.note(chain.name, undefined);
    try {
      let standing = head;
      while (standing.next < head.size && !this.ended) {
        const { next, problem } = await this.step(chain, standing);
        this.note(chain.name, problem === undefined ? undefined : `entry ${next}: ${problem}`);
        if (problem !== undefined) return;
        standing = { ...standing, next, passed: false };
      }
    } catch (error) {
      // Where another process is ahead, the position is read again.
      if (!(error instanceof AnotherIsAhead)) this.failed(chain, error);
    }
  }

  private async step(chain: Chain, { size, next: from, passed }: Head): Promise<Step> {
    const { pool, projection } = this.options;
    const { seqs, end } = this.runs.get(chain.chain)?.from(from, BATCH) ?? allFrom(from, size);
    if (seqs.length === 0) {
      await this.move(pool.query, chain, from, end);
      return { next: end };
    }
    const unread = passed ? seqs.filter((seq) => seq !== from) : seqs;
    const entries = await readEntries(pool.query, chain.chain, unread);
    return pool.transaction(async (query) => {
      const { taken, problem } = await projection.apply(query, entries);
      const next = problem === undefined ? end : (entries[taken]?.seq ?? end);
      await this.move(query, chain, from, next, problem);
      return { next, problem };
    });
  }

  private async readHeads(): Promise<Map<number, Head>> {
    const rows = await this.options.pool.query<{
      chain: number;
      size: string;
      next_seq: string;
      passed: boolean;
    }>(
      `SELECT h.chain, h.size::text, coalesce(p.next_seq, 0)::text AS next_seq,
         EXISTS (SELECT FROM projections.passed_over o
           WHERE o.projection = $1 AND o.chain = h.chain AND o.seq = coalesce(p.next_seq, 0)) AS passed
       FROM ledger.chain_heads h LEFT JOIN projections.positions p ON p.projection = $1 AND p.chain = h.chain`,
      [this.options.projection.name],
      'projection-heads',
    );
    return new Map(
      rows.map(({ chain, size, next_seq, passed }) => [
        chain,
        { size: BigInt(size), next: BigInt(next_seq), passed },
      ]),
    );
  }

  private async move(
    query: BulkQuery,
    chain: Chain,
    from: bigint,
    next: bigint,
    problem?: string,
  ): Promise<void> {
    const { name } = this.options.projection;
    const values = [name, chain.chain, next, problem ?? null];
    const moved =
      from === 0n
        ? await query(FIRST_MOVE, values, 'projection-first-move')
        : await query(MOVE, [...values, from], 'projection-move');
    if (moved.length === 0) throw new AnotherIsAhead();
  }

  private failed(chain: Chain, error: unknown): void {
    this.options.logger.error(
      { err: error, projection: this.options.projection.name, chain: chain.name },
      'a projection failed and tries again',
    );
    this.note(chain.name, messageOf(error));
  }

  private note(chain: string, problem: string | undefined): void {
    if (this.stoppedAt.get(chain) === problem) return;
    const { projection, logger, onStopped } = this.options;
    if (problem === undefined) {
      this.stoppedAt.delete(chain);
      logger.info({ projection: projection.name, chain }, 'the projection goes on');
    } else {
      this.stoppedAt.set(chain, problem);
      logger.error(
        { projection: projection.name, chain, problem },
        'the projection stands still (deploy/runbooks/projection-stopped.md)',
      );
    }
    onStopped(chain, problem);
  }
}

/** Somebody else stored these rows meanwhile: the transaction ends and the position is read again. */
class AnotherIsAhead extends Error {
  constructor() {
    super('another process is ahead');
  }
}

const MOVE = `UPDATE projections.positions SET next_seq = $3, stopped = $4
  WHERE projection = $1 AND chain = $2 AND next_seq = $5 RETURNING 1`;

const FIRST_MOVE = `INSERT INTO projections.positions AS p (projection, chain, next_seq, stopped) VALUES ($1, $2, $3, $4)
  ON CONFLICT (projection, chain) DO UPDATE SET next_seq = excluded.next_seq, stopped = excluded.stopped
  WHERE p.next_seq = 0 RETURNING 1`;

const readEntries = async (
  query: BulkQuery,
  chain: number,
  seqs: readonly bigint[],
): Promise<ProjectedEntry[]> =>
  (
    await query<{ seq: string; type: string; payload: Buffer }>(
      // Both tables by the index, whatever the planner knows of them: they may have grown within the minute.
      `SELECT e.seq::text, e.type, p.payload FROM ledger.entries e JOIN ledger.payloads p USING (chain, seq)
       WHERE e.chain = $1 AND e.seq = ANY ($2) AND p.seq = ANY ($2) ORDER BY e.seq`,
      [chain, int8Array(seqs)],
      'projection-entries',
    )
  ).map(({ seq, type, payload }) => ({ chain, seq: BigInt(seq), type, payload }));

/** The batch that begins there, where nothing is known of its entries. */
function allFrom(from: bigint, size: bigint): KnownEntries {
  const count = Math.min(BATCH, Number(size - from));
  return { seqs: Array.from({ length: count }, (_, n) => from + BigInt(n)), end: from + BigInt(count) };
}
