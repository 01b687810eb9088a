import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SlackEmulator } from '#libs/testing/slack-emulator/slack-emulator.js';
import { eventually } from '#libs/testing/eventually.js';
import {
  CHANNEL,
  FALLBACK_AFTER,
  letFallbackTimePass,
  slackSettings,
  SLACK_USERS,
} from '../slack/testing/slack-scenario.js';
import { Scenario } from '../testing/scenario.js';
import { testApprovals } from '../testing/test-approvals.js';
import { testPlatform, type TestPlatform } from '../testing/test-platform.js';
import { webhookSignature } from './webhook-body.js';
import { readWebhookSettings, type WebhookSettings } from './webhook-settings.js';

const SECRET = 'a secret of a test';

interface Received {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Takes notifications, or answers 500 as often as it is told. */
async function receiver(): Promise<{
  server: Server;
  received: Received[];
  failing: { times: number };
  settings(when?: string): WebhookSettings;
}> {
  const received: Received[] = [];
  const failing = { times: 0 };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      response.writeHead(failing.times-- > 0 ? 500 : 204);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const settings = (when?: string): WebhookSettings =>
    readWebhookSettings(
      {
        COUNTERSIGN_WEBHOOK_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
        COUNTERSIGN_WEBHOOK_SECRET: SECRET,
        COUNTERSIGN_WEBHOOK_WHEN: when,
      },
      false,
    ) as WebhookSettings;
  return { server, received, failing, settings };
}

class TestScenario extends Scenario {
  static async with(
    platform: TestPlatform,
    changes: Parameters<typeof testApprovals>[1],
  ): Promise<TestScenario> {
    return new TestScenario(platform, await testApprovals(platform, changes));
  }
}

describe('the webhook notifier', () => {
  let hook: Awaited<ReturnType<typeof receiver>>;
  let scenario: Scenario;
  let emulator: SlackEmulator | undefined;
  beforeEach(async () => {
    hook = await receiver();
  });
  afterEach(async () => {
    await scenario.dispose();
    await emulator?.close();
    emulator = undefined;
    hook.server.closeAllConnections();
    await new Promise((resolve) => hook.server.close(resolve));
  });
  const eventsOf = (requestId: string): string[] =>
    hook.received
      .map(({ body }) => JSON.parse(body))
      .filter((each) => each.request.id === requestId)
      .map((each) => each.event);

  it('signs what it sends, tries again under the same id, and keeps statements to itself', async () => {
    scenario = await TestScenario.with(await testPlatform(), { webhook: hook.settings() });
    hook.failing.times = 1;
    const { requestId } = await scenario.held({
      sql: "ALTER TABLE customers ADD COLUMN note text DEFAULT 'x-ray'",
    });
    await eventually(
      () => expect(eventsOf(requestId)).toEqual(['request.waiting', 'request.waiting']),
      120_000,
    );
    const [first, second] = hook.received as [Received, Received];
    expect(second.headers['x-countersign-delivery']).toBe(first.headers['x-countersign-delivery']);
    for (const { headers, body } of hook.received) {
      const timestamp = Number(headers['x-countersign-timestamp']);
      expect(Math.abs(timestamp - Date.now() / 1000)).toBeLessThan(60);
      expect(headers['x-countersign-signature']).toBe(webhookSignature(body, timestamp, SECRET));
      expect(body).not.toMatch(/x-ray|ADD COLUMN/);
    }
    await scenario.service.vote('bob', requestId, 'deny');
    await eventually(() => expect(eventsOf(requestId).at(-1)).toBe('request.refused'), 120_000);
  }, 180_000);

  it('is used for what Slack does not show in time, and for nothing else', async () => {
    emulator = await SlackEmulator.start({ users: SLACK_USERS, channels: [CHANNEL], rateScale: 20 });
    scenario = await TestScenario.with(await testPlatform(), {
      slack: slackSettings(emulator, FALLBACK_AFTER),
      webhook: hook.settings('fallback'),
    });
    const shown = await scenario.held();
    await eventually(() => expect(emulator?.workspace.messages).toHaveLength(1), 120_000);
    emulator.down = true;
    const unshown = await scenario.held();
    await letFallbackTimePass(scenario.platform);
    await eventually(() => expect(eventsOf(unshown.requestId)).toEqual(['request.waiting']), 120_000);
    expect(eventsOf(shown.requestId)).toEqual([]);
    await scenario.service.vote('bob', unshown.requestId, 'approve');
    await eventually(
      () => expect(eventsOf(unshown.requestId)).toEqual(['request.waiting', 'request.granted']),
      120_000,
    );
    emulator.down = false;
  }, 180_000);

  it('is used where Slack shows a request to some of those who must sign and not to the others', async () => {
    emulator = await SlackEmulator.start({ users: SLACK_USERS, channels: [CHANNEL], rateScale: 20 });
    const channels = { SLACK_CHANNELS: 'security=C0NOWHERE' };
    scenario = await TestScenario.with(await testPlatform(), {
      slack: slackSettings(emulator, { ...FALLBACK_AFTER, ...channels }),
      webhook: hook.settings('fallback'),
    });
    const everywhere = await scenario.held();
    const partly = await scenario.held({ rule: 'dba-and-security' });
    await eventually(() => expect(emulator?.workspace.messages).toHaveLength(2), 120_000);
    await letFallbackTimePass(scenario.platform);
    await eventually(() => expect(eventsOf(partly.requestId)).toEqual(['request.waiting']), 120_000);
    expect(eventsOf(everywhere.requestId)).toEqual([]);
  }, 180_000);
});

describe('readWebhookSettings', () => {
  it.each([
    ['COUNTERSIGN_WEBHOOK_URL', { COUNTERSIGN_WEBHOOK_SECRET: SECRET }],
    [
      'COUNTERSIGN_WEBHOOK_URL',
      { COUNTERSIGN_WEBHOOK_URL: 'ftp://example.test', COUNTERSIGN_WEBHOOK_SECRET: SECRET },
    ],
    ['COUNTERSIGN_WEBHOOK_SECRET', { COUNTERSIGN_WEBHOOK_URL: 'https://example.test/hook' }],
    [
      'COUNTERSIGN_WEBHOOK_SECRET',
      { COUNTERSIGN_WEBHOOK_URL: 'https://example.test/hook', COUNTERSIGN_WEBHOOK_SECRET: 'short' },
    ],
  ])('names %s in one line when it is wrong', (variable, environment) => {
    expect(() => readWebhookSettings(environment, true)).toThrow(new RegExp(`^${variable}: [^\\n]+$`));
  });
});
