import type { EventOf } from '#libs/contracts/events/registry.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Logger } from '#libs/observability/logger.js';
import type { Policy } from '#libs/policy/policy.js';
import type { Spool } from '../spool/spool.js';
import type { IgnoredReason, Publication } from './read-publication.js';

/** Of what is ignored, this many are recorded in a minute; all are counted. */
const RECORDED_PER_MINUTE = 30;
const MINUTE_MS = 60_000;

/** Tells of policies that were applied or ignored: into the record, the log and the figures. */
export class PolicyNews {
  private recorded = 0;
  private since = 0;

  constructor(
    private readonly options: {
      readonly gatewayId: string;
      readonly spool: Spool;
      readonly clock: Clock;
      readonly newId: () => string;
      readonly logger: Logger;
      readonly counted: (what: 'applied' | IgnoredReason) => void;
    },
  ) {}

  applied(policy: Policy, previous: Policy, publication: Publication): void {
    const { gatewayId, logger, counted } = this.options;
    counted('applied');
    logger.info({ policyHash: policy.hash, policyVersion: policy.version }, 'a new policy is in force');
    this.record('policy.applied', {
      gatewayId,
      policyVersion: policy.version,
      policyHash: policy.hash,
      previousHash: previous.hash,
      publicationId: publication.id,
    });
  }

  /** `quietly`: found among what was there before the start, which was told of then. */
  ignored(
    current: Policy,
    what: { readonly reason: IgnoredReason; readonly detail: string; readonly publicationId?: string },
    quietly: boolean,
  ): void {
    const { gatewayId, logger, counted, clock } = this.options;
    counted(what.reason);
    logger.warn(
      { reason: what.reason, publicationId: what.publicationId },
      'a policy was ignored; the one in force stays',
    );
    if (clock.monotonic() - this.since >= MINUTE_MS) {
      this.since = clock.monotonic();
      this.recorded = 0;
    }
    this.recorded += 1;
    if (quietly || this.recorded > RECORDED_PER_MINUTE) return;
    this.record('policy.ignored', {
      gatewayId,
      reason: what.reason,
      detail: what.detail.slice(0, 1_024),
      ...(what.publicationId === undefined ? {} : { publicationId: what.publicationId }),
      policyHash: current.hash,
    });
  }

  private record<T extends 'policy.applied' | 'policy.ignored'>(
    type: T,
    fields: Omit<
      EventOf<T>,
      'id' | 'type' | 'schemaVersion' | 'time' | 'tenant' | 'producer' | 'producerSeq'
    >,
  ): void {
    const { spool, clock, newId, logger } = this.options;
    const event = {
      id: newId(),
      type,
      schemaVersion: 1,
      time: new Date(clock.now()).toISOString(),
      ...fields,
    };
    spool.append([{ topic: 'statements', key: spool.state().producer, signed: false, event }], (error) => {
      if (error !== undefined) logger.error({ err: error, type }, 'news of a policy cannot be recorded');
    });
  }
}
