import { buttonsOf } from '#libs/testing/slack-emulator/workspace.js';
import { eventually } from '#libs/testing/eventually.js';
import { CHANNEL, SlackScenario, slackIdOf } from './testing/slack-scenario.js';

const FORM = 'application/x-www-form-urlencoded';

/** A loaded machine takes its time; nothing here measures it. */
const LONG = 180_000;

describe('what arrives at /slack/events', () => {
  let scenario: SlackScenario;
  beforeAll(async () => {
    scenario = await SlackScenario.start();
  }, LONG);
  afterAll(() => scenario?.dispose(), LONG);

  const votesOf = async (requestId: string): Promise<number> =>
    (await scenario.typesOf(requestId)).filter((type) => type === 'request.vote-cast').length;
  const clickOf = async (name: string, requestId: string): Promise<string> => {
    const { ts } = await scenario.message(requestId);
    const payload = scenario.emulator.clickPayload(slackIdOf(name), CHANNEL, ts, 'Approve');
    return `payload=${encodeURIComponent(JSON.stringify(payload))}`;
  };

  it.each([
    ['forged', { secret: 'another secret' }],
    ['late', { skew: -301 }],
    ['of the future', { skew: 3_600 }],
  ])(
    'is refused when it is %s, and decides nothing',
    async (_, options) => {
      const { requestId } = await scenario.held();
      const refused = await scenario.emulator.deliver(await clickOf('bob', requestId), FORM, options);
      expect(refused.status).toBe(401);
      const rows = await scenario.platform.admin.query(
        'SELECT 1 FROM approvals.slack_inbox WHERE request_id = $1',
        [requestId],
      );
      expect(rows.rowCount).toBe(0);
      expect(await scenario.stateOf(requestId)).toBe('pending');
    },
    LONG,
  );

  it(
    'is refused when the very same request comes a second time, at any replica',
    async () => {
      const { requestId } = await scenario.held({ rule: 'two-dba' });
      const body = await clickOf('bob', requestId);
      const request = { body, headers: { 'content-type': FORM, ...scenario.emulator.signed(body) } };
      expect((await scenario.emulator.send(request)).status).toBe(200);
      expect((await scenario.emulator.send(request)).status).toBe(401);
      const another = await scenario.service.startAnother();
      const first = scenario.emulator.target;
      try {
        scenario.emulator.target = another.url;
        expect((await scenario.emulator.send(request)).status).toBe(401);
      } finally {
        scenario.emulator.target = first;
        await another.stop();
      }
      await scenario.untilShown(requestId, /1 of 2 \(`bob`\)/);
      expect(await votesOf(requestId)).toBe(1);
    },
    LONG,
  );

  it(
    'takes effect once, however often and however much at once it is delivered',
    async () => {
      const { requestId } = await scenario.held({ rule: 'two-dba' });
      const body = await clickOf('bob', requestId);
      // The same click, signed anew as a retry is, and each of them doubled on the way.
      const answers = await Promise.all(
        [0, 1, 2, 3].map((skew) => scenario.emulator.deliver(body, FORM, { skew: -skew, times: 2 })),
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      await scenario.untilShown(requestId, /1 of 2 \(`bob`\)/);
      expect(await votesOf(requestId)).toBe(1);
      expect(scenario.emulator.workspace.ephemerals.filter(({ user }) => user === slackIdOf('bob'))).toEqual(
        [],
      );
    },
    LONG,
  );

  it(
    'is acknowledged only when it is stored: while the inbox is locked, it is not',
    async () => {
      const { requestId } = await scenario.held();
      const body = await clickOf('bob', requestId);
      const { admin } = scenario.platform;
      await admin.query('BEGIN');
      await admin.query('LOCK TABLE approvals.slack_inbox IN ACCESS EXCLUSIVE MODE');
      // On a busy machine an answer may be too late for Slack; none says that it was received, and one is in time.
      const answers = new Set<number>();
      await eventually(async () => {
        answers.add((await scenario.emulator.deliver(body, FORM)).status);
        expect(answers).toContain(503);
      }, LONG).finally(() => admin.query('ROLLBACK'));
      expect(answers).not.toContain(200);
    },
    LONG,
  );

  it(
    'is answered where Slack checks the address',
    async () => {
      const body = JSON.stringify({ type: 'url_verification', challenge: 'sample' });
      const delivered = await scenario.emulator.deliver(body, 'application/json');
      expect(delivered).toMatchObject({ status: 200, body: { challenge: 'sample' } });
    },
    LONG,
  );

  it.each([
    ['another action', { type: 'block_actions', actions: [{ action_id: 'other', action_ts: '1.1' }] }],
    [
      'a button with another value',
      { type: 'block_actions', actions: [{ action_id: 'countersign_approve', value: 'x' }] },
    ],
    ['an event of another kind', { type: 'event_callback', event: { type: 'reaction_added' } }],
    [
      'a message outside our threads',
      {
        type: 'event_callback',
        event_id: 'Ev1',
        event: {
          type: 'message',
          user: 'U0BOB',
          channel: CHANNEL,
          ts: '2.000000',
          thread_ts: '1.000000',
          text: 'hello',
        },
      },
    ],
  ])(
    'decides nothing and breaks nothing when it is %s',
    async (_, payload) => {
      const whole = {
        user: { id: 'U0BOB' },
        team: { id: 'T0SAMPLE' },
        channel: { id: CHANNEL },
        message: { ts: '1.000000' },
        ...payload,
      };
      const delivered =
        payload.type === 'event_callback'
          ? await scenario.emulator.deliver(JSON.stringify(whole), 'application/json')
          : await scenario.emulator.deliverInteraction(whole);
      expect(delivered.status).toBe(200);
      expect((await fetch(`${scenario.service.approvals.url}/healthz`)).status).toBe(200);
    },
    LONG,
  );

  it(
    'counts a click that was made before a restart and on a message posted before it',
    async () => {
      const { requestId } = await scenario.held();
      const { ts } = await scenario.message(requestId);
      const another = await scenario.service.startAnother();
      const first = scenario.emulator.target;
      try {
        scenario.emulator.target = another.url;
        const delivered = await scenario.emulator.click(slackIdOf('bob'), CHANNEL, ts, 'Approve');
        expect(delivered.status).toBe(200);
        const message = await scenario.untilShown(requestId, /Approved\* by `bob`/);
        expect(buttonsOf(message)).toEqual([]);
      } finally {
        scenario.emulator.target = first;
        await another.stop();
      }
      await eventually(async () => expect(await scenario.stateOf(requestId)).toBe('granted'));
    },
    LONG,
  );
});
