import { SlackEmulator, type SlackEmulatorOptions } from '#libs/testing/slack-emulator/slack-emulator.js';
import {
  textOf,
  type EmulatedMessage,
  type EmulatedUser,
  type OpenedView,
} from '#libs/testing/slack-emulator/workspace.js';
import { eventually } from '#libs/testing/eventually.js';
import { PEOPLE, type SamplePerson } from '../../testing/sample-people.js';
import { Scenario } from '../../testing/scenario.js';
import { testApprovals } from '../../testing/test-approvals.js';
import { testPlatform, type TestPlatform } from '../../testing/test-platform.js';
import { readSlackSettings, type SlackSettings } from '../slack-settings.js';

export const CHANNEL = 'C0APPROVALS';
export const TEAM = 'T0SAMPLE';

/** The Slack id of a sample person. */
export const slackIdOf = (name: string): string => `U0${name.toUpperCase()}`;

/** People of the directory, with their Slack ids; `omar` has none and `cleo` only an address. */
export const SLACK_PEOPLE: readonly SamplePerson[] = PEOPLE.map((person) =>
  person.kind !== 'human' || person.name === 'omar'
    ? person
    : person.name === 'cleo'
      ? { ...person, email: 'Cleo@example.test' }
      : { ...person, slackUserId: slackIdOf(person.name) },
);

const member = (id: string, more: Partial<EmulatedUser> = {}): EmulatedUser => ({
  id,
  team_id: TEAM,
  name: id.toLowerCase(),
  ...more,
});

export const SLACK_USERS: readonly EmulatedUser[] = [
  ...PEOPLE.filter(({ kind }) => kind === 'human').map(({ name }) =>
    member(slackIdOf(name), { profile: { real_name: name, email: `${name}@example.test` } }),
  ),
  member('U0GUEST', { is_restricted: true }),
  member('U0SINGLEGUEST', { is_ultra_restricted: true }),
  member('U0ROBOT', { is_bot: true }),
  member('U0GONE', { deleted: true }),
  member('U0STRANGER', { team_id: 'T0OTHER', is_stranger: true }),
];

export const slackSettings = (
  emulator: SlackEmulator,
  more: Readonly<Record<string, string>> = {},
): SlackSettings =>
  readSlackSettings({
    SLACK_BOT_TOKEN: emulator.options.botToken,
    SLACK_SIGNING_SECRET: emulator.options.signingSecret,
    SLACK_CHANNEL: CHANNEL,
    SLACK_API_URL: emulator.apiUrl,
    ...more,
  }) as SlackSettings;

/** Lets the time pass after which the next channel is used for what Slack does not show: an hour here. */
export const FALLBACK_AFTER = { SLACK_FALLBACK_AFTER: '1h' } as const;
export async function letFallbackTimePass({ admin }: TestPlatform): Promise<void> {
  await eventually(async () => {
    const { rows } = await admin.query(`
      SELECT FROM approvals.requests AS request WHERE state = 'pending' AND NOT EXISTS
        (SELECT FROM approvals.slack_messages AS message WHERE message.request_id = request.id)`);
    expect(rows).toEqual([]);
  });
  await admin.query(`UPDATE approvals.slack_messages SET created_at = created_at - interval '1 hour'`);
}

export interface SlackScenarioOptions extends SlackEmulatorOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly people?: readonly SamplePerson[];
}

/** Approvals as it runs in production, with Bolt and a strict emulator of Slack. */
export class SlackScenario extends Scenario {
  emulator!: SlackEmulator;

  static override async start(options: SlackScenarioOptions = {}): Promise<SlackScenario> {
    const { settings, people = SLACK_PEOPLE, ...more } = options;
    const platform = await testPlatform();
    const emulator = await SlackEmulator.start({
      users: SLACK_USERS,
      channels: [CHANNEL, 'C0SECURITY'],
      rateScale: 20,
      ...more,
    });
    try {
      const service = await testApprovals(platform, { people, slack: slackSettings(emulator, settings) });
      const scenario = new SlackScenario(platform, service);
      scenario.emulator = emulator;
      emulator.target = service.approvals.url;
      return scenario;
    } catch (error) {
      await emulator.close();
      await platform.dispose();
      throw error;
    }
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    await this.emulator.close();
  }

  /** The copies of a request's message that are there now, in all channels. */
  copies(requestId: string): EmulatedMessage[] {
    return this.emulator.workspace.messages.filter(
      (each) => each.threadTs === undefined && JSON.stringify(each).includes(requestId),
    );
  }

  async message(requestId: string, channel = CHANNEL): Promise<EmulatedMessage> {
    let found: EmulatedMessage | undefined;
    await eventually(() => {
      found = this.copies(requestId).find((each) => each.channel === channel);
      expect(found).toBeDefined();
    }, 90_000);
    return found as EmulatedMessage;
  }

  /** Presses, and again where Slack was not told in time that it was received: as people do. */
  async click(name: string, requestId: string, button: string): Promise<void> {
    const { channel, ts } = await this.message(requestId);
    const user = name.startsWith('U0') ? name : slackIdOf(name);
    const payload = this.emulator.clickPayload(user, channel, ts, button);
    await eventually(async () => expect((await this.emulator.deliverInteraction(payload)).status).toBe(200));
  }

  /** Presses until the dialog is open: on a busy machine the three seconds that Slack gives for it may pass. */
  async openDialog(name: string, requestId: string, button: string): Promise<OpenedView> {
    const opened = (): OpenedView | undefined =>
      this.emulator.workspace.views.find(
        ({ user, view }) => user === slackIdOf(name) && view.private_metadata.includes(requestId),
      );
    await eventually(async () => {
      await this.click(name, requestId, button);
      await eventually(() => expect(opened()).toBeDefined(), 5_000);
    });
    return opened() as OpenedView;
  }

  /** Waits until somebody is told something, to nobody else, that contains these words. */
  async told(user: string, words: string | RegExp): Promise<string> {
    let text = '';
    await eventually(() => {
      text = this.emulator.workspace.ephemerals
        .filter((each) => each.user === user)
        .map((each) => textOf(each))
        .join('\n');
      expect(text).toMatch(words);
    }, 90_000);
    return text;
  }

  async untilShown(requestId: string, words: string | RegExp): Promise<EmulatedMessage> {
    const message = await this.message(requestId);
    await eventually(() => expect(textOf(message)).toMatch(words), 90_000);
    return message;
  }
}
