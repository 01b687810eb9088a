import { setTimeout as sleep } from 'node:timers/promises';
import type { TrustedKeys } from '#libs/contracts/event-signature.js';
import type { EventLog, LogRecord, Subscription } from '#libs/event-log/port.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { Logger } from '#libs/observability/logger.js';
import type { Policy } from '#libs/policy/policy.js';
import type { KeptPolicy } from './kept-policy.js';
import type { PolicyInForce } from './policy-in-force.js';
import type { PolicyNews } from './policy-news.js';
import { isAfter, policyOf, readPublication, type Publication } from './read-publication.js';

const RETRY_MS = 1_000;
const CONTROL = { topic: 'control', partition: 0 } as const;

export interface PolicyFeedOptions {
  readonly log: EventLog;
  readonly gatewayId: string;
  readonly tenant: string;
  /** Public keys of approvals, from a file. */
  readonly trusted: TrustedKeys;
  readonly policies: PolicyInForce;
  readonly kept: KeptPolicy;
  /** Throws where the text is no policy. */
  readonly read: (text: string) => Policy;
  readonly news: PolicyNews;
  readonly logger: Logger;
  /** How long a start waits to have read the topic to its end, ms. */
  readonly catchUpMs: number;
}

interface Candidate {
  readonly publication: Publication;
  readonly policy: Policy;
  readonly bytes: Buffer;
}

/**
 * Follows `control` and puts the newest policy that approvals published in force, without a session
 * noticing but by its verdicts. What is unsigned, foreign, old or no policy is ignored and told of, and the
 * policy before it stays: nothing that arrives or fails to arrive here makes the gateway less strict.
 */
export class PolicyFeed {
  private subscription: Subscription | undefined;
  private stopped = false;
  private last: Publication | undefined;
  /** The newest among what was there before this feed began; put in force once, when all is read. */
  private candidate: Candidate | undefined;
  private caughtUpAt: bigint | undefined;
  private caughtUp: () => void = () => undefined;
  /** Why policies do not arrive now; undefined when they do. */
  problem: string | undefined = 'the control topic is not read yet';

  constructor(private readonly options: PolicyFeedOptions) {}

  /** Puts the policy in force that was kept by the last life of this gateway, if its signature still counts; whether. */
  async restore(): Promise<boolean> {
    const { kept, trusted, tenant, read, policies, logger } = this.options;
    const bytes = await kept.read();
    if (bytes === undefined) return false;
    const reading = readPublication(bytes, trusted, tenant);
    if (reading.is !== 'publication') {
      const reason = reading.is === 'ignored' ? reading.reason : 'malformed';
      logger.warn({ reason }, 'the kept policy does not count: the configured one is in force');
      return false;
    }
    const found = policyOf(reading.publication, read);
    if (!found.ok) {
      logger.warn({ reason: found.problem }, 'the kept policy cannot be read: the configured one counts');
      return false;
    }
    this.last = reading.publication;
    policies.replace(found.policy);
    return true;
  }

  /** Resolves when what was published so far is in force, or after `catchUpMs`. Never rejects. */
  async start(): Promise<void> {
    const { catchUpMs, logger } = this.options;
    const done = new Promise<void>((resolve) => (this.caughtUp = resolve));
    void this.follow();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        logger.warn(
          { waitedMs: catchUpMs },
          'the control topic is not read yet: the last policy known counts',
        );
        resolve();
      }, catchUpMs);
    });
    await Promise.race([done, late]);
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.caughtUp();
    await this.subscription?.stop();
  }

  /** Reads from the start of the topic, which is short: what was seen before does not count twice. */
  private async follow(): Promise<void> {
    const { log, gatewayId, logger } = this.options;
    while (!this.stopped) {
      try {
        const end = await log.endOffset(CONTROL);
        this.caughtUpAt = end;
        const subscription = await log.tail({
          ...CONTROL,
          reader: `gateway-${gatewayId}-control`,
          from: 'start',
          onRecord: (record) => this.receive(record),
          onFatal: (error) => void this.again(error),
        });
        this.subscription = subscription;
        if (this.stopped) await subscription.stop();
        else if (end === 0n) await this.settle();
        return;
      } catch (error) {
        this.problem = `the control topic is not read: ${messageOf(error)}`;
        logger.warn({ err: error }, 'the control topic cannot be read yet');
        await sleep(RETRY_MS);
      }
    }
  }

  private async again(error: Error): Promise<void> {
    this.problem = `the control topic is not read: ${error.message}`;
    this.options.logger.error({ err: error }, 'reading the control topic broke off');
    await sleep(RETRY_MS);
    await this.follow();
  }

  private async receive(record: LogRecord): Promise<void> {
    const end = this.caughtUpAt;
    this.consider(record, end !== undefined);
    if (end !== undefined && record.offset + 1n >= end) await this.settle();
    else if (end === undefined) await this.apply();
  }

  private consider({ value }: LogRecord, catchingUp: boolean): void {
    const { trusted, tenant, read, policies, news } = this.options;
    const ignore = (what: Parameters<PolicyNews['ignored']>[1], quietly = catchingUp): void =>
      news.ignored(policies.current, what, quietly);
    if (value === null) return ignore({ reason: 'malformed', detail: 'it is empty' });
    const reading = readPublication(value, trusted, tenant);
    if (reading.is === 'other') return;
    if (reading.is === 'ignored') return ignore(reading);
    const { publication } = reading;
    const newest = this.candidate?.publication ?? this.last;
    if (newest !== undefined && !isAfter(publication, newest)) {
      // The log may deliver one twice, and a start reads all of them again: no news.
      if (catchingUp || publication.id === newest.id) return;
      return ignore({
        reason: 'replayed',
        detail: 'it is older than the policy in force',
        publicationId: publication.id,
      });
    }
    const found = policyOf(publication, read);
    if (found.ok) this.candidate = { publication, policy: found.policy, bytes: value };
    else ignore({ reason: 'not-a-policy', detail: found.problem, publicationId: publication.id }, false);
  }

  private async settle(): Promise<void> {
    this.caughtUpAt = undefined;
    await this.apply();
    this.problem = undefined;
    this.caughtUp();
  }

  private async apply(): Promise<void> {
    const { policies, news, kept, logger } = this.options;
    const { candidate } = this;
    if (candidate === undefined) return;
    this.candidate = undefined;
    this.last = candidate.publication;
    const previous = policies.current;
    // In force first: a disk that fails must not keep a stricter policy away.
    policies.replace(candidate.policy);
    if (candidate.policy.hash !== previous.hash)
      news.applied(candidate.policy, previous, candidate.publication);
    try {
      await kept.keep(candidate.bytes);
    } catch (error) {
      logger.error({ err: error }, 'the policy in force cannot be kept for a restart');
    }
  }
}
