import { eventually } from '#libs/testing/eventually.js';
import type { Approvals } from '../../start-approvals.js';
import { Scenario } from '../../testing/scenario.js';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await Scenario.start();
}, 60_000);
afterAll(() => scenario?.dispose(), 60_000);

interface Streamed {
  readonly id: string;
  readonly event: string;
}

/** A client of the stream as browsers have it: keeps the id of what it saw last. */
class StreamClient {
  readonly seen: Streamed[] = [];
  ended = false;
  status = 0;

  async connect(url: string, token: string): Promise<void> {
    const last = this.seen.at(-1)?.id;
    const response = await fetch(url, {
      headers: {
        accept: 'text/event-stream',
        authorization: `Bearer ${token}`,
        ...(last === undefined ? {} : { 'last-event-id': last }),
      },
    });
    this.status = response.status;
    let text = '';
    try {
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk as Uint8Array).toString();
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const [, id = '', event = ''] =
            /^id: (\S+)\nevent: (\S+)\ndata: \{.*\}$/.exec(text.slice(0, end)) ?? [];
          if (id !== '') this.seen.push({ id, event });
          text = text.slice(end + 2);
        }
      }
      this.ended = true;
    } catch {
      // The connection broke; whoever uses this connects again.
    }
  }
}

describe('waiting for a request', () => {
  it('by a stream tells every event once, in order, across a restart of the service, and ends', async () => {
    const hold = await scenario.held({ rule: 'two-dba' });
    await scenario.untilSent(hold.requestId, 'request.reviewer-notified');
    const path = `/v1/requests/${hold.requestId}/wait`;
    const token = await scenario.service.tokenOf('alice');
    const client = new StreamClient();
    const another: Approvals = await scenario.service.startAnother();
    const first = client.connect(`${another.url}${path}`, token);
    await eventually(() => {
      expect(client.seen.map(({ event }) => event)).toContain('request.reviewer-notified');
      return Promise.resolve();
    });
    await another.stop();
    await first;
    await scenario.service.vote('bob', hold.requestId, 'approve');
    const second = client.connect(`${scenario.service.approvals.url}${path}`, token);
    await scenario.service.vote('dana', hold.requestId, 'deny');
    await second;
    expect(client.ended).toBe(true);
    expect(client.seen.map(({ event }) => event)).toEqual([
      'request.requested',
      'request.routed',
      'request.reviewer-notified',
      'request.vote-cast',
      'request.vote-cast',
      'request.refused',
    ]);
    expect(client.seen.map(({ id }) => Number(id))).toEqual([1, 2, 3, 4, 5, 6]);
    await client.connect(`${scenario.service.approvals.url}${path}`, token);
    expect(client.status).toBe(204);
  });

  it('by a stream ends with the outcome of what ran', async () => {
    const hold = await scenario.held();
    const client = new StreamClient();
    const token = await scenario.service.tokenOf('alice');
    const done = client.connect(
      `${scenario.service.approvals.url}/v1/requests/${hold.requestId}/wait`,
      token,
    );
    const { body } = await scenario.service.vote('bob', hold.requestId, 'approve');
    const { gateway, producer } = scenario.service;
    const { decisionId, digest } = body;
    await producer.append([
      gateway.record(gateway.told(hold, 'review.released', { decisionId, digest })),
      gateway.record(gateway.told(hold, 'review.concluded', { outcome: 'completed' })),
    ]);
    await done;
    expect(client.seen.slice(-2).map(({ event }) => event)).toEqual(['request.consumed', 'outcome']);
    expect(client.seen.at(-1)?.id).toMatch(/^[0-9]+\.completed$/);
  });

  it('by a long poll goes on from the version one has seen', async () => {
    const hold = await scenario.held();
    await scenario.untilSent(hold.requestId, 'request.reviewer-notified');
    const path = `/v1/requests/${hold.requestId}/wait`;
    const { body } = await scenario.service.call('alice', 'GET', `${path}?after=1&timeout=5`);
    const waiting = scenario.service.call('alice', 'GET', `${path}?after=${body.version}&timeout=30`);
    await scenario.service.call('bob', 'POST', `/v1/requests/${hold.requestId}/comments`, { text: 'why?' });
    expect((await waiting).body).toMatchObject({ state: 'pending', version: body.version + 1 });
  });

  it('is only for those who may see the request', async () => {
    const hold = await scenario.held();
    const client = new StreamClient();
    const token = await scenario.service.tokenOf('erin');
    await client.connect(`${scenario.service.approvals.url}/v1/requests/${hold.requestId}/wait`, token);
    expect(client.status).toBe(403);
    expect(client.seen).toEqual([]);
  });
});

describe('asking ahead of time', () => {
  it('is done through the gateway, and the API says how', async () => {
    const answer = await scenario.service.call('alice', 'POST', '/v1/requests', {
      target: 'shop',
      text: 'SELECT 1',
    });
    expect(answer).toMatchObject({ status: 501, body: { code: 'ask-through-the-gateway' } });
    expect(answer.type).toContain('application/problem+json');
    expect(answer.body.detail).toContain('countersign.wait=retry');
  });
});
