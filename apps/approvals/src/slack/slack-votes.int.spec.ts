import { buttonsOf, textOf } from '#libs/testing/slack-emulator/workspace.js';
import type { HoldOptions } from '../testing/sample-gateway.js';
import { eventually } from '#libs/testing/eventually.js';
import { identityOf } from '../testing/sample-people.js';
import { CHANNEL, SlackScenario, slackIdOf, TEAM } from './testing/slack-scenario.js';

/** A loaded machine takes its time; nothing here measures it. */
const LONG = 180_000;

const SIGNALS: NonNullable<HoldOptions['signals']> = {
  measuredAt: '2026-11-21T12:00:00.000Z',
  estimatedRows: 12,
  tableRows: 1_000,
  share: 0.012,
  locks: [],
  locksHeld: [],
  reversible: 'yes',
  personalData: [],
  rowCeiling: 'guaranteed',
};

describe('a decision made in Slack', () => {
  let scenario: SlackScenario;
  beforeAll(async () => {
    scenario = await SlackScenario.start();
  }, LONG);
  afterAll(() => scenario?.dispose(), LONG);

  it(
    'is the vote of the person the directory lists, signed like any other, and takes the buttons away',
    async () => {
      const { requestId } = await scenario.held();
      const message = await scenario.message(requestId);
      expect(buttonsOf(message).map(({ text }) => text)).toEqual([
        'Approve',
        'Approve with limit',
        'Deny',
        'Ask',
        'Details',
      ]);
      await scenario.click('bob', requestId, 'Approve');
      await scenario.untilShown(requestId, /Approved\* by `bob`/);
      expect(buttonsOf(message)).toEqual([]);
      const { body } = await scenario.service.call('carol', 'GET', `/v1/requests/${requestId}`);
      expect(body).toMatchObject({
        state: 'granted',
        votes: [{ voter: 'bob', group: 'dba', decision: 'approve' }],
      });
      expect((await scenario.decisionOf(requestId)).event).toMatchObject({
        verdict: 'granted',
        decidedBy: ['bob'],
      });
      await eventually(() => {
        const thread = scenario.emulator.workspace.thread(CHANNEL, message.ts).map(textOf).join('\n');
        expect(thread).toMatch(/`bob` approved for `dba`/);
      });
    },
    LONG,
  );

  it(
    'is denied with the reason that the dialog requires',
    async () => {
      const { requestId } = await scenario.held();
      await scenario.openDialog('dana', requestId, 'Deny');
      const empty = await scenario.emulator.submit(slackIdOf('dana'), '   ');
      expect(empty).toMatchObject({ status: 200, body: { response_action: 'errors' } });
      expect(await scenario.stateOf(requestId)).toBe('pending');
      expect(await scenario.emulator.submit(slackIdOf('dana'), 'not during trading hours')).toMatchObject({
        status: 200,
      });
      await scenario.untilShown(requestId, /Denied\* by `dana`: `not during trading hours`/);
      expect(await scenario.stateOf(requestId)).toBe('refused');
    },
    LONG,
  );

  it.each([
    ['the requester', 'alice', identityOf('alice'), /Nobody decides their own request/],
    ['the owner of the agent that asks', 'bob', identityOf('bot-of-bob'), /agent they own/],
    ['somebody who reviews nothing', 'erin', identityOf('alice'), /not yours to decide/],
  ])(
    'does not count when it is made by %s, who is told why',
    async (_, name, requester, words) => {
      const { requestId } = await scenario.held({ requester });
      const before = scenario.emulator.workspace.ephemerals.length;
      await scenario.click(name, requestId, 'Approve');
      await scenario.told(slackIdOf(name), words);
      await scenario.click(name, requestId, 'Deny');
      await eventually(() => expect(scenario.emulator.workspace.ephemerals.length).toBe(before + 2));
      expect(scenario.emulator.workspace.views.filter(({ user }) => user === slackIdOf(name))).toEqual(
        scenario.emulator.workspace.views.filter(
          ({ user, view }) => user === slackIdOf(name) && !view.private_metadata.includes(requestId),
        ),
      );
      expect(await scenario.stateOf(requestId)).toBe('pending');
    },
    LONG,
  );

  it.each([
    ['a guest', 'U0GUEST', /Guests/],
    ['a guest of one channel', 'U0SINGLEGUEST', /Guests/],
    ['a bot', 'U0ROBOT', /bots/],
    ['a deactivated account', 'U0GONE', /deactivated/],
    ['a stranger from another workspace', 'U0STRANGER', /another one/],
  ])(
    'does not count when it is made by %s',
    async (_, user, words) => {
      const { requestId } = await scenario.held();
      await scenario.click(user, requestId, 'Approve');
      await scenario.told(user, words);
      expect(await scenario.stateOf(requestId)).toBe('pending');
    },
    LONG,
  );

  it(
    'counts once for a quorum of two when one person clicks twice',
    async () => {
      const { requestId } = await scenario.held({ rule: 'two-dba' });
      await scenario.click('bob', requestId, 'Approve');
      await scenario.untilShown(requestId, /Approvals\* 1 of 2 \(`bob`\)/);
      await scenario.click('bob', requestId, 'Approve');
      await scenario.told(slackIdOf('bob'), /already voted/);
      expect(await scenario.stateOf(requestId)).toBe('pending');
      await scenario.click('zoe', requestId, 'Approve');
      await scenario.untilShown(requestId, /Approved\* by `bob`, `zoe`/);
    },
    LONG,
  );

  it(
    'is refused to whoever voted by the command line before, and shown when made there',
    async () => {
      const { requestId } = await scenario.held({ rule: 'two-dba' });
      await scenario.message(requestId);
      await scenario.service.vote('bob', requestId, 'approve');
      await scenario.untilShown(requestId, /1 of 2 \(`bob`\)/);
      await scenario.click('bob', requestId, 'Approve');
      await scenario.told(slackIdOf('bob'), /already voted/);
      await scenario.service.vote('dana', requestId, 'approve');
      const message = await scenario.untilShown(requestId, /Approved\* by `bob`, `dana`/);
      expect(buttonsOf(message)).toEqual([]);
    },
    LONG,
  );

  it(
    'may be for so many rows at most, which the gateway is told',
    async () => {
      const { requestId } = await scenario.held({ signals: SIGNALS });
      const { view } = await scenario.openDialog('bob', requestId, 'Approve with limit');
      expect(JSON.stringify(view.blocks)).toMatch(/about 12 of 1,000/);
      for (const text of ['a few', '-1', '1e3'])
        expect(await scenario.emulator.submit(slackIdOf('bob'), text)).toMatchObject({
          body: { response_action: 'errors' },
        });
      expect((await scenario.emulator.submit(slackIdOf('bob'), '20')).status).toBe(200);
      await scenario.untilShown(requestId, /Approved\* by `bob` for at most 20 rows/);
      expect((await scenario.decisionOf(requestId)).event).toMatchObject({ verdict: 'granted', maxRows: 20 });
      const { channel, ts } = await scenario.message(requestId);
      await eventually(() => {
        const thread = scenario.emulator.workspace.thread(channel, ts).map(textOf).join('\n');
        expect(thread).toMatch(/`bob` approved for `dba`, at most 20 rows/);
      }, LONG);
    },
    LONG,
  );

  it(
    'may not be for so many rows where that cannot be kept, and where nobody measured it is said so',
    async () => {
      const signals = { ...SIGNALS, rowCeiling: 'not-guaranteed', rowCeilingReason: 'a trigger' } as const;
      const { requestId } = await scenario.held({ signals });
      const message = await scenario.untilShown(
        requestId,
        /row ceiling\* :warning: not guaranteed \(`a trigger`\)/,
      );
      expect(buttonsOf(message).map(({ text }) => text)).not.toContain('Approve with limit');
      // Whoever sends the click all the same.
      const payload = scenario.emulator.clickPayload(slackIdOf('bob'), CHANNEL, message.ts, 'Approve');
      payload.actions[0].action_id = 'countersign_limit';
      await scenario.emulator.deliverInteraction(payload);
      await scenario.told(slackIdOf('bob'), /cannot be kept: a trigger/);
      const unmeasured = await scenario.held();
      const { view } = await scenario.openDialog('dana', unmeasured.requestId, 'Approve with limit');
      expect(JSON.stringify(view.blocks)).toMatch(/Not guaranteed: this gateway did not measure/);
      expect(await scenario.stateOf(requestId)).toBe('pending');
    },
    LONG,
  );

  it(
    'waits for a person who is not linked, until the account is linked by somebody signed in',
    async () => {
      const { requestId } = await scenario.held({ rule: 'dba-and-security' });
      await scenario.click('U0OMAR', requestId, 'Approve');
      const text = await scenario.told('U0OMAR', /countersign slack link/);
      const code = /link ([A-Za-z0-9_-]+) --slack-user U0OMAR/.exec(text)?.[1];
      const link = (as: string, slackUser = 'U0OMAR') =>
        scenario.service.call(as, 'POST', '/v1/slack/links', { code, slackUser });
      expect((await link('bob')).status).toBe(409);
      expect((await link('omar', 'U0GUEST')).status).toBe(409);
      expect((await link('ci')).status).toBe(403);
      expect(await link('omar')).toMatchObject({ status: 200, body: { name: 'omar', slackUser: 'U0OMAR' } });
      expect((await link('omar')).status).toBe(404);
      await scenario.click('U0OMAR', requestId, 'Approve');
      await scenario.untilShown(requestId, /1 of 2 \(`omar`\)/);
      const unlink = () => scenario.service.call('omar', 'DELETE', '/v1/slack/links');
      expect((await unlink()).body).toEqual({ unlinked: true });
      expect((await unlink()).body).toEqual({ unlinked: false });
      await eventually(async () => {
        const events = (await scenario.platform.readTopic('approvals')).map(({ value }) =>
          JSON.parse(String(value)),
        );
        expect(events.filter(({ type }) => type.startsWith('slack-account.'))).toMatchObject([
          {
            type: 'slack-account.linked',
            identity: { name: 'omar', subject: 'sub-omar' },
            team: TEAM,
            slackUser: 'U0OMAR',
          },
          { type: 'slack-account.unlinked', identity: { name: 'omar' }, team: TEAM, slackUser: 'U0OMAR' },
        ]);
      }, LONG);
    },
    LONG,
  );

  it(
    'brings a question to the requester and the answer from the thread back',
    async () => {
      const { requestId } = await scenario.held();
      await scenario.openDialog('bob', requestId, 'Ask');
      await scenario.emulator.submit(slackIdOf('bob'), 'Why now?');
      const { channel, ts } = await scenario.message(requestId);
      await eventually(() => {
        const thread = scenario.emulator.workspace.thread(channel, ts).map(textOf).join('\n');
        expect(thread).toMatch(/`bob`: <@U0ALICE> `Why now\?`/);
      });
      expect(
        (await scenario.emulator.reply(slackIdOf('alice'), channel, ts, 'Before the <release>')).status,
      ).toBe(200);
      await eventually(async () => {
        const { body } = await scenario.service.call('alice', 'GET', `/v1/requests/${requestId}`);
        expect(body.comments).toMatchObject([
          { author: 'bob', text: 'Why now?' },
          { author: 'alice', text: 'Before the <release>' },
        ]);
      });
      expect(scenario.emulator.workspace.thread(channel, ts).map(textOf).join('\n')).not.toMatch(
        /Before the/,
      );
    },
    LONG,
  );

  it(
    'shows the details to those who may see them, and to nobody else',
    async () => {
      const { requestId } = await scenario.held();
      await scenario.click('bob', requestId, 'Details');
      await scenario.told(slackIdOf('bob'), /search_path/);
      await scenario.click('erin', requestId, 'Details');
      await scenario.told(slackIdOf('erin'), /not yours to see/);
    },
    LONG,
  );

  it(
    'tells the outcome once the gateway has said how the statement ended',
    async () => {
      const { gateway, producer } = scenario.service;
      const hold = await scenario.held();
      await scenario.click('bob', hold.requestId, 'Approve');
      const {
        event: { id: decisionId, digest },
      } = await scenario.decisionOf(hold.requestId);
      await producer.append([
        gateway.record(gateway.told(hold, 'review.released', { decisionId, digest })),
        gateway.record(gateway.told(hold, 'review.concluded', { outcome: 'completed', tag: 'ALTER TABLE' })),
      ]);
      const message = await scenario.untilShown(hold.requestId, /It ran and completed/);
      await eventually(() => {
        const thread = scenario.emulator.workspace.thread(CHANNEL, message.ts).map(textOf).join('\n');
        expect(thread).toMatch(/checkered_flag: It ran and completed/);
      });
    },
    LONG,
  );
});
