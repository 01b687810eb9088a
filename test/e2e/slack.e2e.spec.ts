import { sha256Hex } from '#libs/kernel/hash.js';
import { SlackEmulator } from '#libs/testing/slack-emulator/slack-emulator.js';
import { textOf, type EmulatedMessage } from '#libs/testing/slack-emulator/workspace.js';
import { eventLogsUnderTest } from './event-logs.js';
import { eventually } from './eventually.js';
import { connectAs, heldRequestId, type GatewayClient } from './gateway-client.js';
import { startLocalStack, type LocalStack } from './local-stack.js';

const CHANNEL = 'C0APPROVALS';
/** A loaded machine takes its time; nothing here measures it. */
const LONG = 180_000;
const WAIT = 90_000;

describe.each(eventLogsUnderTest())(
  'the whole stack with Slack over the $kind event log',
  ({ environment }) => {
    let slack: SlackEmulator;
    let stack: LocalStack;
    let alice: GatewayClient;
    beforeAll(async () => {
      slack = await SlackEmulator.start({
        users: ['ALICE', 'BOB'].map((name) => ({ id: `U0${name}`, team_id: 'T0SAMPLE', name })),
        channels: [CHANNEL],
        rateScale: 20,
      });
      stack = await startLocalStack({
        environment: {
          ...environment(),
          SLACK_BOT_TOKEN: slack.options.botToken,
          SLACK_SIGNING_SECRET: slack.options.signingSecret,
          SLACK_CHANNEL: CHANNEL,
          SLACK_API_URL: slack.apiUrl,
        },
      });
      slack.target = stack.ready.approvals.url;
      alice = await connectAs(stack, 'alice');
    }, LONG);
    afterAll(async () => {
      await alice.end();
      await stack.stop();
      await slack.close();
    }, LONG);

    const messageOf = (requestId: string): Promise<EmulatedMessage> =>
      eventually('the request is shown in Slack', WAIT, () =>
        Promise.resolve(
          slack.workspace.messages.find(
            (each) => each.threadTs === undefined && JSON.stringify(each).includes(requestId),
          ),
        ),
      );

    it(
      'attaches a statement of a million bytes whole, and runs those very bytes once Slack approves them',
      async () => {
        const statement = `ALTER TABLE customers ADD COLUMN long text /* ${'0123456789abcde '.repeat(65_536)} */`;
        expect(Buffer.byteLength(statement)).toBeGreaterThan(1_048_576);
        const altering = alice.query(statement);
        const message = await messageOf(await heldRequestId(alice));
        const { channel, ts } = message;
        expect(textOf(message)).toContain(sha256Hex(Buffer.from(statement)));
        const file = await eventually('the statement is attached', WAIT, () =>
          Promise.resolve([...slack.workspace.files.values()].find(({ shared }) => shared?.threadTs === ts)),
        );
        expect(file.content?.toString('utf8')).toBe(statement);
        expect((await slack.click('U0BOB', channel, ts, 'Approve')).status).toBe(200);
        expect((await altering).command).toBe('ALTER');
        await alice.query('SELECT long FROM customers LIMIT 1');
      },
      LONG,
    );

    it(
      'brings a question to the client that waits, with how to answer it, and the answer to the thread',
      async () => {
        const from = alice.notices.length;
        const altering = alice.query('ALTER TABLE customers ADD COLUMN asked text');
        const requestId = await heldRequestId(alice, from);
        const { channel, ts } = await messageOf(requestId);
        await slack.click('U0BOB', channel, ts, 'Ask');
        await eventually('the dialog is open', WAIT, () =>
          Promise.resolve(
            slack.workspace.views.at(-1)?.view.callback_id === 'countersign_ask_dialog' || undefined,
          ),
        );
        await slack.submit('U0BOB', 'Is it on\nthe list?');
        const asked = `bob writes about held request ${requestId}: Is it on the list?`;
        const at = await eventually('the question is a NOTICE', WAIT, () => {
          const found = alice.notices.indexOf(asked);
          return Promise.resolve(found < 0 ? undefined : found);
        });
        const [, command = ''] = /with: countersign (.*?) '\.\.\.'/.exec(alice.hints[at] ?? '') ?? [];
        expect(command).toBe(`requests comment ${requestId}`);
        expect(await stack.cli(['--as', 'alice', ...command.split(' '), 'It is'])).toMatchObject({ code: 0 });
        await eventually('the answer is in the thread', WAIT, () =>
          Promise.resolve(
            slack.workspace.thread(channel, ts).map(textOf).join('\n').includes('`alice`: `It is`') ||
              undefined,
          ),
        );
        await slack.click('U0BOB', channel, ts, 'Approve');
        expect((await altering).command).toBe('ALTER');
      },
      LONG,
    );

    it(
      'rolls a statement back that changes more rows than the limit it was approved for',
      async () => {
        const from = alice.notices.length;
        const updating = alice.query('UPDATE customers SET name = name').catch((error: Error) => error);
        const { channel, ts } = await messageOf(await heldRequestId(alice, from));
        await slack.click('U0BOB', channel, ts, 'Approve with limit');
        await eventually('the dialog is open', WAIT, () =>
          Promise.resolve(
            slack.workspace.views.at(-1)?.view.callback_id === 'countersign_limit_dialog' || undefined,
          ),
        );
        await slack.submit('U0BOB', '10');
        expect(String(await updating)).toMatch(
          /rolled back: \d+ rows were changed, .* approved for at most 10/,
        );
      },
      LONG,
    );
  },
);
