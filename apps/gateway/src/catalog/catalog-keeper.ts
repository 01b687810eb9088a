import { setTimeout as delay } from 'node:timers/promises';
import type { TargetConfiguration } from '#libs/contracts/targets.js';
import type { Clock } from '#libs/kernel/clock.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { Logger } from '#libs/observability/logger.js';
import { contextOf } from '#libs/sql/catalog/context-of.js';
import { loadCatalog, type CatalogSnapshot } from '#libs/sql/catalog/load-catalog.js';
import type { ResolutionContext } from '#libs/sql/resolve/resolution.js';
import { Estimator } from '../signals/estimator.js';
import { ControlConnection } from './control-connection.js';

export interface CatalogTimes {
  /** Between two loads that nothing asked for. */
  readonly everyMs: number;
  readonly connectMs: number;
  readonly loadMs: number;
  /** How long a statement waits for a load before it counts as incomplete. */
  readonly waitMs: number;
  /** Between two loads after code that is not seen. */
  readonly suspicionMs: number;
  /** Between two loads for names that are not there. */
  readonly reloadMs: number;
}

export const CATALOG_TIMES: CatalogTimes = {
  everyMs: 60_000,
  connectMs: 10_000,
  loadMs: 30_000,
  waitMs: 3_000,
  suspicionMs: 1_000,
  reloadMs: 200,
};

/** Contexts of one catalog, by search_path, that are kept; more start anew. */
const MAX_CONTEXTS = 256;

/**
 * The catalog of one database, as its sessions' role sees it: read at the start, after DDL that any
 * session ran, and on a schedule. Shared by all sessions there. A catalog that cannot be read again stays
 * in use until DDL is seen: from then on there is none.
 */
export class CatalogKeeper {
  private snapshot: CatalogSnapshot | undefined;
  private contexts = new Map<string, ResolutionContext>();
  private connection: ControlConnection | undefined;
  private loading: Promise<void> | undefined;
  private queued: Promise<void> | undefined;
  /** DDL was seen since the load that is under way, or done, began. */
  private stale = false;
  /** How often it was told of changes. */
  private changes = 0;
  private startedAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** Estimates are asked of the same database, on a connection of their own. */
  readonly estimator: Estimator;
  /** Why there is no current catalog. */
  problem: string | undefined = 'not loaded yet';

  constructor(
    private readonly target: TargetConfiguration,
    private readonly database: string,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly times: CatalogTimes = CATALOG_TIMES,
  ) {
    this.estimator = new Estimator(target, database);
  }

  get current(): CatalogSnapshot | undefined {
    return this.stale ? undefined : this.snapshot;
  }

  /** Whether a statement should wait a moment: a load is on its way that may change what names mean. */
  get pending(): Promise<void> | undefined {
    return this.current === undefined ? this.loading : undefined;
  }

  start(): void {
    void this.load();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.connection?.close();
    this.estimator.close();
  }

  /** DDL ran and is committed: what is here counts no more. */
  changed(): void {
    if (this.stopped) return;
    this.stale = true;
    this.changes += 1;
    void this.load();
  }

  /** Something may have changed: reads again, unless that was begun within the last moment. */
  suspect(): void {
    if (this.stopped || this.clock.monotonic() - this.startedAt < this.times.suspicionMs) return;
    void this.load();
  }

  /** A load that begins from now on, shared by all who ask before it does. Never rejects. */
  reload(): Promise<void> {
    this.queued ??= this.nextLoad();
    return this.queued;
  }

  /** The context of a session without temporary relations; the same object for the same search_path. */
  context(searchPath: string): ResolutionContext {
    const { current } = this;
    const known = this.contexts.get(searchPath);
    if (known !== undefined && known.catalog === current) return known;
    if (this.contexts.size >= MAX_CONTEXTS) this.contexts.clear();
    const made = contextOf(current, searchPath);
    this.contexts.set(searchPath, made);
    return made;
  }

  /** Never rejects; ends when this load has, or after the time that a statement may wait for it. */
  async wait(load: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.times.waitMs);
    await Promise.race([load, promise]);
    clearTimeout(timer);
  }

  private async nextLoad(): Promise<void> {
    await this.loading;
    const since = this.clock.monotonic() - this.startedAt;
    if (since < this.times.reloadMs) await delay(this.times.reloadMs - since);
    this.queued = undefined;
    await this.load();
  }

  /** One load at a time; what changes under one is read by the next. Never rejects. */
  private load(): Promise<void> {
    if (this.stopped) return Promise.resolve();
    this.loading ??= this.run().finally(() => {
      this.loading = undefined;
      if (this.stale && this.problem === undefined) void this.load();
    });
    return this.loading;
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer);
    this.startedAt = this.clock.monotonic();
    const { changes } = this;
    try {
      const loaded = await this.read();
      // The same text keeps the same object: what was resolved by it stays resolved.
      if (loaded.version !== this.snapshot?.version) this.snapshot = loaded;
      this.problem = undefined;
      // What changed while it was read is read by the next.
      if (this.changes === changes) this.stale = false;
    } catch (error) {
      this.problem = messageOf(error);
      this.connection?.close();
      this.connection = undefined;
      if (!this.stopped)
        this.logger.warn(
          { target: this.target.name, database: this.database, err: error },
          'the catalog of a target cannot be read: statements there count as incomplete until it can',
        );
    }
    if (this.stopped) return;
    const next = this.problem === undefined ? this.times.everyMs : Math.min(5_000, this.times.everyMs);
    this.timer = setTimeout(() => void this.load(), next).unref();
  }

  private async read(): Promise<CatalogSnapshot> {
    const { connectMs, loadMs } = this.times;
    if (this.connection?.alive !== true)
      this.connection = await ControlConnection.open(this.target, this.database, CONTROL_SETTINGS, connectMs);
    const { connection } = this;
    return loadCatalog((text) => connection.query({ text }, loadMs));
  }
}

/** Names in definitions come qualified, nothing is written, and no setting of the role's gets in the way. */
const CONTROL_SETTINGS = [
  ['application_name', 'countersign catalog'],
  ['search_path', 'pg_catalog'],
  ['default_transaction_read_only', 'on'],
  ['statement_timeout', '30s'],
  ['client_encoding', 'UTF8'],
  ['standard_conforming_strings', 'on'],
] as const;
