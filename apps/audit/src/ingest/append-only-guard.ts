import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import { findAlteredTriggers, type AlteredTrigger } from '#libs/ledger/append-only-triggers.js';
import type { Logger } from '#libs/observability/logger.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

const RUNBOOK = 'deploy/runbooks/ledger-append-only-off.md';

export interface AppendOnlyFinding {
  /** OFF: the ledger can be changed. WEAK: it can under session_replication_role = replica, which takes a superuser. */
  readonly kind: 'APPEND_ONLY_OFF' | 'APPEND_ONLY_WEAK';
  readonly detail: string;
}

/** What is wrong with the triggers that keep the ledger append-only; undefined when all stand. */
export async function checkAppendOnly(query: BulkQuery): Promise<AppendOnlyFinding | undefined> {
  const rows = await findAlteredTriggers(query);
  const off = rows.filter(({ state }) => state !== 'weak');
  const list = (named: readonly AlteredTrigger[]): string =>
    named.map(({ relation, trigger }) => `ledger.${relation}.${trigger}`).join(', ');
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
