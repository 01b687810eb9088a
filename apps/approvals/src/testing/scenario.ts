import { parseEvent, type AnyEvent, type EventOf } from '#libs/contracts/events/registry.js';
import type { Topic } from '#libs/contracts/topics.js';
import { eventually } from '#libs/testing/eventually.js';
import type { Hold, HoldOptions } from './sample-gateway.js';
import { testApprovals, type TestApprovals, type TestOptions } from './test-approvals.js';
import { testPlatform, type TestPlatform } from './test-platform.js';

export interface SentDecision {
  readonly event: EventOf<'decision.issued'>;
  readonly bytes: Buffer;
}

export type Receipt = EventOf<'receipt.issued'>;

/** A running approvals service with what tests ask of it: holds, and what the event log says of them. */
export class Scenario {
  protected constructor(
    readonly platform: TestPlatform,
    readonly service: TestApprovals,
  ) {}

  static async start(options: TestOptions = {}): Promise<Scenario> {
    const platform = await testPlatform();
    try {
      return new Scenario(platform, await testApprovals(platform, options));
    } catch (error) {
      await platform.dispose();
      throw error;
    }
  }

  async dispose(): Promise<void> {
    await this.service.dispose();
    await this.platform.dispose();
  }

  /** A gateway holds a statement; resolves when the request is open. */
  async held(options: Partial<HoldOptions> = {}): Promise<Hold> {
    const { gateway, producer, policy } = this.service;
    const hold = await gateway.ask(producer, { policyHash: policy.hash, ...options });
    await eventually(async () => {
      const { status } = await this.service.call('carol', 'GET', `/v1/requests/${hold.requestId}`);
      expect(status).toBe(200);
    });
    return hold;
  }

  /** An attempt of a client that does not wait, and the answer that its gateway reads. */
  async attempted(options: Partial<HoldOptions> = {}): Promise<{ hold: Hold; receipt: Receipt }> {
    const { gateway, producer, policy } = this.service;
    const hold = await gateway.ask(producer, { policyHash: policy.hash, wait: 'retry', ...options });
    const [receipt] = await this.receiptsOf(hold.intentId);
    return { hold, receipt: receipt as Receipt };
  }

  /** The receipts of an attempt; waits until there is one. */
  async receiptsOf(intentId: string): Promise<Receipt[]> {
    let found: Receipt[] = [];
    await eventually(async () => {
      found = (await this.platform.readTopic('decisions')).flatMap((record) => {
        const parsed = parseEvent(record.value as Buffer);
        return parsed.ok && parsed.event.type === 'receipt.issued' && parsed.event.intentId === intentId
          ? [parsed.event]
          : [];
      });
      expect(found).not.toEqual([]);
    });
    return found;
  }

  async stateOf(requestId: string): Promise<string> {
    return (await this.service.call('carol', 'GET', `/v1/requests/${requestId}`)).body.state;
  }

  /** The events of a request that a topic of the event log holds, in order. */
  async eventsOf(topic: Topic, requestId: string): Promise<AnyEvent[]> {
    return (await this.platform.readTopic(topic))
      .map((record) => {
        const parsed = parseEvent(record.value as Buffer);
        if (!parsed.ok) throw new Error(parsed.problem);
        return parsed.event;
      })
      .filter((event) => event.requestId === requestId);
  }

  async typesOf(requestId: string): Promise<string[]> {
    return (await this.eventsOf('approvals', requestId)).map(({ type }) => type);
  }

  /** Waits until the event log holds an event of this type about a request. */
  untilSent(requestId: string, type: string): Promise<void> {
    return eventually(async () => expect(await this.typesOf(requestId)).toContain(type));
  }

  /** The decision of a request, as the gateway will read it. */
  async decisionOf(requestId: string): Promise<SentDecision> {
    let found: SentDecision | undefined;
    await eventually(async () => {
      for (const record of await this.platform.readTopic('decisions')) {
        const parsed = parseEvent(record.value as Buffer);
        if (parsed.ok && parsed.event.type === 'decision.issued' && parsed.event.requestId === requestId)
          found = { event: parsed.event, bytes: record.value as Buffer };
      }
      expect(found).toBeDefined();
    });
    return found as SentDecision;
  }
}
