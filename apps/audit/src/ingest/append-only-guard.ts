import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import type { Logger } from '#libs/observability/logger.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

const APPEND_ONLY = ['chains', 'entries', 'payloads', 'tiles', 'checkpoints', 'findings'];
const MOVING = ['chain_heads', 'consumer_offsets', 'producer_positions'];

// pg_trigger.tgtype: for each row 1, before 2, delete 8, update 16, truncate 32.
const BEFORE_UPDATE_DELETE_TRUNCATE = 58;
const BEFORE_DELETE_TRUNCATE = 42;
const BEFORE_UPDATE_OF_EACH_ROW = 19;

const REQUIRED = [
  ...APPEND_ONLY.map(
    (table) => [table, 'append_only', 'refuse_change', BEFORE_UPDATE_DELETE_TRUNCATE] as const,
  ),
  ...MOVING.map((table) => [table, 'append_only', 'refuse_change', BEFORE_DELETE_TRUNCATE] as const),
  ...MOVING.map((table) => [table, 'only_forward', 'refuse_regression', BEFORE_UPDATE_OF_EACH_ROW] as const),
];

/**
 * Each required trigger that is not there as migrations made it: without a condition or a list of columns,
 * calling the ledger's own function. `off` unless it fires in ordinary sessions at least.
 */
const NOT_AS_MADE = `SELECT w.relation || '.' || w.name AS trigger, t.tgenabled IS DISTINCT FROM 'O' AS off
  FROM (VALUES ${REQUIRED.map(([table, name, call, type]) => `('${table}', '${name}', '${call}', ${type})`).join(', ')})
    AS w(relation, name, call, type)
  LEFT JOIN pg_catalog.pg_trigger t
    ON t.tgrelid = to_regclass('ledger.' || w.relation) AND t.tgname = w.name AND t.tgtype = w.type
      AND t.tgqual IS NULL AND t.tgattr = '' AND t.tgfoid = to_regprocedure('ledger.' || w.call || '()')
  WHERE t.tgenabled IS DISTINCT FROM 'A'
  ORDER BY 1`;

const RUNBOOK = 'deploy/runbooks/ledger-append-only-off.md';

export interface AppendOnlyFinding {
  /** OFF: the ledger can be changed. WEAK: it can under session_replication_role = replica, which takes a superuser. */
  readonly kind: 'APPEND_ONLY_OFF' | 'APPEND_ONLY_WEAK';
  readonly detail: string;
}

/** What is wrong with the triggers that keep the ledger append-only; undefined when all stand. */
export async function checkAppendOnly(query: BulkQuery): Promise<AppendOnlyFinding | undefined> {
  const rows = await query<{ trigger: string; off: boolean }>(NOT_AS_MADE);
  const off = rows.filter((row) => row.off);
  const list = (named: readonly { trigger: string }[]): string =>
    named.map(({ trigger }) => `ledger.${trigger}`).join(', ');
  if (off.length > 0)
    return {
      kind: 'APPEND_ONLY_OFF',
      detail: `APPEND_ONLY_OFF: these triggers are off, changed or gone: ${list(off)} (${RUNBOOK})`,
    };
  if (rows.length > 0)
    return {
      kind: 'APPEND_ONLY_WEAK',
      detail: `APPEND_ONLY_WEAK: these triggers are enabled, but not ALWAYS: ${list(rows)} (${RUNBOOK})`,
    };
  return undefined;
}

export interface AppendOnlyGuardOptions {
  readonly query: BulkQuery;
  readonly logger: Logger;
  /** Milliseconds between two looks. */
  readonly intervalMs: number;
  /** Told of each finding when it begins. */
  readonly onFinding: (kind: AppendOnlyFinding['kind']) => void;
}

/**
 * Looks again and again whether the ledger is still append-only. While a trigger is off, nothing is sealed
 * and nothing signed: what stands in the ledger may be changed unseen until the next checkpoint. A look
 * that fails changes nothing; a database that is away halts sealing by itself.
 */
export class AppendOnlyGuard {
  private found: AppendOnlyFinding | undefined;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(private readonly options: AppendOnlyGuardOptions) {}

  /** Why nothing may be sealed or signed now. */
  problem(): string | undefined {
    return this.found?.kind === 'APPEND_ONLY_OFF' ? this.found.detail : undefined;
  }

  /** The first look. Throws APPEND_ONLY_OFF; a rejection otherwise is the database's. */
  async start(): Promise<void> {
    this.note(await checkAppendOnly(this.options.query));
    const problem = this.problem();
    if (problem !== undefined) throw new CodedError('APPEND_ONLY_OFF', problem);
    this.schedule();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.look().finally(() => this.schedule());
    }, this.options.intervalMs);
  }

  private async look(): Promise<void> {
    try {
      this.note(await checkAppendOnly(this.options.query));
    } catch (error) {
      this.options.logger.warn({ error: messageOf(error) }, 'could not check that the ledger is append-only');
    }
  }

  private note(found: AppendOnlyFinding | undefined): void {
    if (found?.detail === this.found?.detail) return;
    this.found = found;
    const { logger, onFinding } = this.options;
    if (found === undefined) {
      logger.warn('the ledger is append-only again: run countersign ledger verify');
    } else {
      logger.error({ ...found }, 'finding');
      onFinding(found.kind);
    }
  }
}
