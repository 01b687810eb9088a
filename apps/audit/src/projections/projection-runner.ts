import type { Chain } from '#libs/ledger/chain.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { Logger } from '#libs/observability/logger.js';
import type { BulkPool, BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { Projection, ProjectedEntry } from './projection.js';

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

type Outcome = 'stored' | 'nothing-new' | 'another-is-ahead' | 'stopped';

/**
 * Keeps a projection up with the ledger: for each chain one position, moved by compare-and-swap in the
 * transaction that stores the rows. An entry it cannot read stops it on that chain, never the others and
 * never sealing; it goes on when an operator passes the entry over.
 */
export class ProjectionRunner {
  private readonly chains: readonly Chain[];
  private readonly stoppedAt = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private ended = false;

  constructor(private readonly options: ProjectionRunnerOptions) {
    const topics = options.projection.topics as readonly string[];
    this.chains = options.chains.filter(({ name }) => topics.includes(name.split('/')[0] ?? ''));
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
    for (const chain of this.chains) {
      try {
        let outcome: Outcome;
        do outcome = await this.options.pool.transaction((query) => this.step(query, chain));
        while (outcome === 'stored' && !this.ended);
      } catch (error) {
        this.options.logger.error(
          { err: error, projection: this.options.projection.name, chain: chain.name },
          'a projection failed and tries again',
        );
        this.note(chain.name, messageOf(error));
      }
    }
  }

  private async step(query: BulkQuery, chain: Chain): Promise<Outcome> {
    const { projection } = this.options;
    const key = [projection.name, chain.chain];
    await query(
      'INSERT INTO projections.positions (projection, chain, next_seq) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING',
      key,
    );
    const [position] = await query<{ next_seq: string; stopped: string | null; passed: boolean }>(
      `SELECT next_seq::text, stopped, EXISTS (SELECT FROM projections.passed_over o
         WHERE o.projection = p.projection AND o.chain = p.chain AND o.seq = p.next_seq) AS passed
       FROM projections.positions p WHERE projection = $1 AND chain = $2`,
      key,
    );
    const from = BigInt(position?.next_seq ?? 0);
    const entries = await readEntries(query, chain.chain, from);
    if (entries.length === 0) return 'nothing-new';
    const skipped = position?.passed === true ? 1 : 0;
    const { taken, problem } = await projection.apply(query, entries.slice(skipped));
    const next = from + BigInt(skipped + taken);
    const moved = await query(
      `UPDATE projections.positions SET next_seq = $3, stopped = $4
       WHERE projection = $1 AND chain = $2 AND next_seq = $5 RETURNING 1`,
      [...key, next, problem ?? null, from],
    );
    if (moved.length === 0) throw new AnotherIsAhead();
    this.note(chain.name, problem === undefined ? undefined : `entry ${next}: ${problem}`);
    return problem === undefined ? 'stored' : 'stopped';
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

const readEntries = async (query: BulkQuery, chain: number, from: bigint): Promise<ProjectedEntry[]> =>
  (
    await query<{ seq: string; type: string; payload: Buffer }>(
      `SELECT e.seq::text, e.type, p.payload FROM ledger.entries e JOIN ledger.payloads p USING (chain, seq)
       WHERE e.chain = $1 AND e.seq >= $2 ORDER BY e.seq LIMIT ${BATCH}`,
      [chain, from],
    )
  ).map((row) => ({ chain, seq: BigInt(row.seq), type: row.type, payload: row.payload }));
