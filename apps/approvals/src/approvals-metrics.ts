import type { AnyEvent } from '#libs/contracts/events/registry.js';
import { Counter, Gauge, type Registry } from '#libs/observability/metrics.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { countUnsent } from './outbox/outbox-queries.js';
import { findPending } from './policy/change/supersede-pending.js';
import { countPending, countUnrouted } from './request/read/request-queries.js';

/** The figures of this service: what was decided here, and what waits. */
export class ApprovalsMetrics {
  private readonly requests: Counter<'event'>;
  private readonly votes: Counter<'decision'>;
  private readonly refusedVotes: Counter<'why'>;
  private readonly policyChanges: Counter<'event'>;
  private readonly decisions: Counter<'verdict'>;
  private readonly rejected: Counter<'reason'>;

  constructor(registry: Registry, pool: DatabasePool) {
    const registers = [registry];
    new Gauge({
      name: 'countersign_approvals_pending_requests',
      help: 'Requests that wait for a decision',
      registers,
      async collect() {
        this.set(await countPending(pool));
      },
    });
    new Gauge({
      name: 'countersign_approvals_unrouted_requests',
      help: 'Pending requests whose policy version is not known here',
      registers,
      async collect() {
        this.set(await countUnrouted(pool));
      },
    });
    new Gauge({
      name: 'countersign_approvals_outbox_backlog',
      help: 'Events the event log has not acknowledged',
      registers,
      async collect() {
        this.set(await countUnsent(pool));
      },
    });
    new Gauge({
      name: 'countersign_approvals_pending_policy_changes',
      help: 'Changes of policy that wait for signatures',
      registers,
      async collect() {
        this.set((await findPending(pool)) === undefined ? 0 : 1);
      },
    });
    this.policyChanges = new Counter({
      name: 'countersign_approvals_policy_change_events_total',
      help: 'What happened to changes of policy, by this process',
      labelNames: ['event'],
      registers,
    });
    this.requests = new Counter({
      name: 'countersign_approvals_request_events_total',
      help: 'What happened to requests, by this process',
      labelNames: ['event'],
      registers,
    });
    this.votes = new Counter({
      name: 'countersign_approvals_votes_total',
      help: 'Votes that counted',
      labelNames: ['decision'],
      registers,
    });
    this.refusedVotes = new Counter({
      name: 'countersign_approvals_refused_votes_total',
      help: 'Votes that did not count',
      labelNames: ['why'],
      registers,
    });
    this.decisions = new Counter({
      name: 'countersign_approvals_decisions_total',
      help: 'Decisions signed',
      labelNames: ['verdict'],
      registers,
    });
    this.rejected = new Counter({
      name: 'countersign_approvals_rejected_reviews_total',
      help: 'Events of gateways that were not believed',
      labelNames: ['reason'],
      registers,
    });
  }

  /** Counts what was committed. */
  count(events: readonly AnyEvent[]): void {
    for (const event of events) {
      if (event.type.startsWith('request.')) this.requests.inc({ event: event.type });
      if (event.type.startsWith('policy-change.')) this.policyChanges.inc({ event: event.type });
      if (event.type === 'request.vote-cast') this.votes.inc({ decision: event.decision });
      if (event.type === 'request.vote-refused') this.refusedVotes.inc({ why: event.why });
      if (event.type === 'decision.issued') this.decisions.inc({ verdict: event.verdict });
      if (event.type === 'review.rejected') this.rejected.inc({ reason: event.reason });
    }
  }
}
