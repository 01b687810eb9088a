import type { TargetConfiguration } from '#libs/contracts/targets.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Logger } from '#libs/observability/logger.js';
import { CatalogKeeper } from './catalog-keeper.js';

interface Kept {
  readonly keeper: CatalogKeeper;
  sessions: number;
  readonly configured: boolean;
}

/** The catalogs of all databases that sessions are at. Those of the configured ones are always kept. */
export class Catalogs {
  private readonly kept = new Map<string, Kept>();

  constructor(
    private readonly targets: ReadonlyMap<string, TargetConfiguration>,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Loads begin; nobody waits for a target that is away. */
  start(): void {
    for (const target of this.targets.values()) this.add(target, target.database, true);
  }

  stop(): void {
    for (const { keeper } of this.kept.values()) keeper.stop();
  }

  /** For one session; give it back with `leave`. */
  enter(target: TargetConfiguration, database: string): CatalogKeeper {
    const kept = this.kept.get(keyOf(target, database)) ?? this.add(target, database, false);
    kept.sessions += 1;
    return kept.keeper;
  }

  leave(target: TargetConfiguration, database: string): void {
    const key = keyOf(target, database);
    const kept = this.kept.get(key);
    if (kept === undefined) return;
    kept.sessions -= 1;
    if (kept.sessions > 0 || kept.configured) return;
    kept.keeper.stop();
    this.kept.delete(key);
  }

  /** `target/database` of those whose catalog is kept. */
  names(): string[] {
    return [...this.kept.keys()];
  }

  /** Those whose catalog is not there, with the reason: what names something there is incomplete. */
  problems(): ReadonlyMap<string, string> {
    return new Map(
      [...this.kept].flatMap(([key, { keeper }]): [string, string][] =>
        keeper.problem === undefined ? [] : [[key, keeper.problem]],
      ),
    );
  }

  private add(target: TargetConfiguration, database: string, configured: boolean): Kept {
    const keeper = new CatalogKeeper(target, database, this.clock, this.logger);
    const kept: Kept = { keeper, sessions: 0, configured };
    this.kept.set(keyOf(target, database), kept);
    keeper.start();
    return kept;
  }
}

const keyOf = (target: TargetConfiguration, database: string): string => `${target.name}/${database}`;
