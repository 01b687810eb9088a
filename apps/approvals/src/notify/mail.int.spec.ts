import { eventually } from '#libs/testing/eventually.js';
import { TestMailServer } from '#libs/testing/mail-server.js';
import { SlackEmulator } from '#libs/testing/slack-emulator/slack-emulator.js';
import { readMailSettings, type MailSettings } from '#libs/mail/mail-settings.js';
import {
  CHANNEL,
  FALLBACK_AFTER,
  letFallbackTimePass,
  slackSettings,
  SLACK_USERS,
} from '../slack/testing/slack-scenario.js';
import { PEOPLE } from '../testing/sample-people.js';
import { Scenario } from '../testing/scenario.js';

const LONG = 180_000;
/** Longest of a wait within it, ms. */
const WAIT = 120_000;

const POLICY = `version: 1
default: allow
rules:
  - id: schema-change
    when: statement.category == 'ddl'
    effect: review
    reviewers: [{ group: dba, count: 1 }]
    routing:
      then: [{ after: 1s, reviewers: [{ group: security, count: 1 }] }]
`;

/** bob, dana and zoe are dba; omar and zoe are security. */
const addresses = PEOPLE.map((person) =>
  person.kind === 'human' && person.name !== 'dana'
    ? { ...person, email: `${person.name}@example.test` }
    : person.name === 'dana'
      ? { ...person, email: 'dana@example.test\r\nRCPT TO:<eve@example.test>' }
      : person,
);

describe('e-mail', () => {
  let server: TestMailServer;
  let scenario: Scenario | undefined;
  let emulator: SlackEmulator | undefined;
  beforeEach(async () => {
    server = await TestMailServer.start();
  });
  afterEach(async () => {
    await scenario?.dispose();
    await emulator?.close();
    await server.close();
    [scenario, emulator] = [undefined, undefined];
  });
  const settings = (more: Readonly<Record<string, string>> = {}): MailSettings =>
    readMailSettings(
      {
        COUNTERSIGN_MAIL_URL: `smtp://127.0.0.1:${server.port}`,
        COUNTERSIGN_MAIL_TLS: 'off',
        COUNTERSIGN_MAIL_FROM: 'countersign@example.test',
        ...more,
      },
      false,
    ) as MailSettings;
  /** `address: subject` of what was taken about a request. */
  const taken = (requestId: string): string[] =>
    server.received
      .filter(({ raw }) => raw.includes(requestId))
      .map(({ to, raw }) => `${to.join()}: ${/^Subject: .*?\] ([^:]*):/m.exec(raw)?.[1]}`);

  it(
    'goes to a group, else to its people one by one, each time they are told, and then says how it ended',
    async () => {
      scenario = await Scenario.start({
        policy: POLICY,
        people: addresses,
        mail: settings({ COUNTERSIGN_MAIL_GROUPS: 'security=security@example.test' }),
      });
      const { requestId } = await scenario.held({
        sql: "ALTER TABLE customers ADD note text DEFAULT 'x-ray'",
      });
      await eventually(
        () =>
          expect(taken(requestId).sort()).toEqual([
            'bob@example.test: Approval needed',
            'security@example.test: Approval needed, escalated',
            'zoe@example.test: Approval needed',
          ]),
        WAIT,
      );
      await scenario.service.vote('bob', requestId, 'deny');
      await eventually(() => expect(taken(requestId)).toHaveLength(6), WAIT);
      expect(taken(requestId).slice(3).sort()).toEqual([
        'bob@example.test: Denied',
        'security@example.test: Denied',
        'zoe@example.test: Denied',
      ]);
      expect(server.received.map(({ raw }) => raw).join()).not.toMatch(/x-ray|ADD note|eve@example/);
    },
    LONG,
  );

  it(
    'is sent again under the same id when it was not taken, and not when it never will be',
    async () => {
      scenario = await Scenario.start({
        policy: POLICY,
        people: addresses,
        mail: settings({ COUNTERSIGN_MAIL_GROUPS: 'dba=dba@example.test,security=nobody@example.test' }),
      });
      const tries: string[] = [];
      server.fault = (to, at) => {
        if (to === 'nobody@example.test') {
          if (at === 'recipient') tries.push(to);
          return { at: 'recipient', code: 550 };
        }
        if (at === 'answer' && tries.push(to) && tries.filter((each) => each === to).length === 1)
          return { at: 'answer' };
        return undefined;
      };
      const { requestId } = await scenario.held();
      await eventually(() => expect(taken(requestId)).toHaveLength(2), WAIT);
      const ids = server.received.map(({ raw }) => /^Message-ID: (.*)\r$/m.exec(raw)?.[1]);
      expect(ids[1]).toBe(ids[0]);
      const { admin } = scenario.platform;
      await eventually(async () => {
        const { rows } = await admin.query(
          `SELECT recipient, attempts, given_up_at IS NOT NULL AS given_up FROM approvals.notifications
         WHERE request_id = $1 ORDER BY recipient`,
          [requestId],
        );
        expect(rows).toEqual([
          { recipient: 'dba@example.test', attempts: 2, given_up: false },
          { recipient: 'nobody@example.test', attempts: 1, given_up: true },
        ]);
      }, WAIT);
      expect(tries.filter((to) => to === 'nobody@example.test')).toHaveLength(1);
    },
    LONG,
  );

  it(
    'is given up where there is nobody to write to, and says so once',
    async () => {
      scenario = await Scenario.start({ mail: settings() });
      const { admin } = scenario.platform;
      const noted = async (requestId: string): Promise<unknown[]> =>
        (
          await admin.query(
            `SELECT event, recipient, problem, given_up_at IS NOT NULL AS given_up, attempts
             FROM approvals.notifications WHERE request_id = $1`,
            [requestId],
          )
        ).rows;
      const nobody = {
        event: 'request.waiting',
        recipient: '',
        problem: 'nobody to tell',
        given_up: true,
        attempts: 0,
      };
      const { requestId } = await scenario.held();
      await eventually(async () => expect(await noted(requestId)).toEqual([nobody]), WAIT);
      await scenario.service.vote('bob', requestId, 'approve');
      const later = await scenario.held();
      await eventually(async () => expect(await noted(later.requestId)).toEqual([nobody]), WAIT);
      expect(await noted(requestId)).toEqual([nobody]);
    },
    LONG,
  );

  it(
    'is used for what Slack does not show in time, and for nothing else',
    async () => {
      emulator = await SlackEmulator.start({ users: SLACK_USERS, channels: [CHANNEL], rateScale: 20 });
      scenario = await Scenario.start({
        slack: slackSettings(emulator, FALLBACK_AFTER),
        mail: { ...settings({ COUNTERSIGN_MAIL_TO: 'reviewers@example.test' }), when: 'fallback' },
      });
      const shown = await scenario.held();
      await eventually(() => expect(emulator?.workspace.messages).toHaveLength(1), WAIT);
      emulator.down = true;
      const unshown = await scenario.held();
      await letFallbackTimePass(scenario.platform);
      await eventually(
        () => expect(taken(unshown.requestId)).toEqual(['reviewers@example.test: Approval needed']),
        WAIT,
      );
      expect(taken(shown.requestId)).toEqual([]);
      emulator.down = false;
    },
    LONG,
  );
});
