import type { Effect } from '#libs/contracts/events/statement-events.js';
import { Counter, Gauge, Histogram, type Registry } from '#libs/observability/metrics.js';
import type { SpoolMetrics } from './spool/spool-options.js';

/** The figures of one gateway. What is read at the time of asking comes in through `watch`. */
export class GatewayMetrics implements SpoolMetrics {
  /** Counted here and told when asked: it happens for each statement. */
  private readonly statements = new Map<Effect, number>();
  private readonly holdSeconds: Histogram;
  private readonly rejected: Counter<'reason'>;
  private readonly policies: Counter<'what'>;
  private readonly writeSeconds: Histogram;
  private readonly spooled: Counter;
  private readonly drainedEvents: Counter;
  private readonly drainFailures: Counter;

  constructor(private readonly registry: Registry) {
    const registers = [registry];
    const { statements } = this;
    new Counter({
      name: 'countersign_statements_total',
      help: 'Statements by what the policy said of them',
      labelNames: ['effect'],
      registers,
      collect() {
        this.reset();
        for (const [effect, count] of statements) this.inc({ effect }, count);
      },
    });
    this.holdSeconds = new Histogram({
      name: 'countersign_hold_seconds',
      help: 'How long statements were held, however it ended',
      buckets: [1, 5, 15, 60, 300, 900, 3600],
      registers,
    });
    this.rejected = new Counter({
      name: 'countersign_decisions_rejected_total',
      help: 'Decisions that ran nothing, by reason',
      labelNames: ['reason'],
      registers,
    });
    this.policies = new Counter({
      name: 'countersign_policies_seen_total',
      help: 'What came on the control topic: applied, or why it was ignored',
      labelNames: ['what'],
      registers,
    });
    this.writeSeconds = new Histogram({
      name: 'countersign_spool_write_seconds',
      help: 'One durable write of the spool, shared by all that wait',
      buckets: [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1],
      registers,
    });
    this.spooled = new Counter({
      name: 'countersign_spool_events_total',
      help: 'Events made durable',
      registers,
    });
    this.drainedEvents = new Counter({
      name: 'countersign_spool_drained_total',
      help: 'Events acknowledged by the event log',
      registers,
    });
    this.drainFailures = new Counter({
      name: 'countersign_spool_drain_failures_total',
      help: 'Times the event log could not be reached or gave up',
      registers,
    });
  }

  watch(read: {
    readonly connections: () => number;
    readonly holds: () => number;
    readonly spoolPendingBytes: () => number;
    readonly spoolPendingEvents: () => number;
    readonly policyVersion: () => number;
    /** `target/database`, and whether its catalog is known. */
    readonly catalogs: () => Iterable<readonly [string, boolean]>;
  }): void {
    new Gauge({
      name: 'countersign_catalog_known',
      help: 'Whether the catalog of a database is known; without it whatever names something is incomplete',
      labelNames: ['database'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [database, known] of read.catalogs()) this.set({ database }, known ? 1 : 0);
      },
    });
    this.gauge('countersign_policy_version', 'The version of the policy in force', read.policyVersion);
    this.gauge('countersign_connections', 'Client connections', read.connections);
    this.gauge('countersign_holds', 'Statements that are held now', read.holds);
    this.gauge(
      'countersign_spool_pending_bytes',
      'Bytes that wait for the event log',
      read.spoolPendingBytes,
    );
    this.gauge(
      'countersign_spool_pending_events',
      'Events that wait for the event log',
      read.spoolPendingEvents,
    );
  }

  counted(effect: Effect): void {
    this.statements.set(effect, (this.statements.get(effect) ?? 0) + 1);
  }

  heldFor(milliseconds: number): void {
    this.holdSeconds.observe(milliseconds / 1000);
  }

  decisionRejected(reason: string): void {
    this.rejected.inc({ reason });
  }

  policySeen(what: string): void {
    this.policies.inc({ what });
  }

  groupWritten(events: number, _bytes: number, milliseconds: number): void {
    this.spooled.inc(events);
    this.writeSeconds.observe(milliseconds / 1000);
  }

  drained(events: number): void {
    this.drainedEvents.inc(events);
  }

  drainFailed(): void {
    this.drainFailures.inc();
  }

  private gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }
}
