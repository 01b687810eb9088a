import { liveTokens } from '#libs/testing/slack-emulator/block-limits.js';
import { buttonsOf, textOf, type Json } from '#libs/testing/slack-emulator/workspace.js';
import { eventually } from '#libs/testing/eventually.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import { CHANNEL, SlackScenario, slackIdOf } from './testing/slack-scenario.js';

/** Under load a rate limit's pause is the smallest part of a wait. */
const LONG = 180_000;

/** The request that a call shows; undefined for what is said in threads and for all other calls. */
const shownBy = (args: Json): string | undefined => args.metadata?.event_payload?.request_id;

describe('messages in Slack', () => {
  let scenario: SlackScenario;
  beforeAll(async () => {
    scenario = await SlackScenario.start({ settings: { SLACK_CHANNELS: 'security=C0SECURITY' } });
  }, LONG);
  afterAll(() => scenario?.dispose(), LONG);
  /** What earlier tests left may still be catching up: faults are for the request of their own test. */
  let earlier: readonly (string | undefined)[];
  beforeEach(async () => {
    scenario.emulator.fault = () => undefined;
    scenario.emulator.down = false;
    const { rows } = await scenario.platform.admin.query('SELECT id::text FROM approvals.requests');
    earlier = rows.map(({ id }: { id: string }) => id);
  });
  /** A call that shows the request of this test. */
  const shows = (args: Json): boolean => shownBy(args) !== undefined && !earlier.includes(shownBy(args));
  const posts = (method: string, args: Json): boolean => method === 'chat.postMessage' && shows(args);
  const withButtons = (requestId: string) =>
    scenario.copies(requestId).filter((copy) => buttonsOf(copy).length > 0);

  it(
    'catch up after an outage in which the request was approved by the command line',
    async () => {
      const posted = await scenario.held();
      const message = await scenario.message(posted.requestId);
      scenario.emulator.down = true;
      const unposted = await scenario.held();
      for (const { requestId } of [posted, unposted])
        expect((await scenario.service.vote('bob', requestId, 'approve')).body).toMatchObject({
          state: 'granted',
        });
      expect(buttonsOf(message)).not.toEqual([]);
      scenario.emulator.down = false;
      await scenario.untilShown(posted.requestId, /Approved\* by `bob`/);
      await eventually(() => {
        expect(withButtons(posted.requestId)).toEqual([]);
      });
      const late = scenario.copies(unposted.requestId);
      expect(late.flatMap(buttonsOf)).toEqual([]);
    },
    LONG,
  );

  it(
    'are posted once although the answer to the first posting is lost',
    async () => {
      let lost = 0;
      scenario.emulator.fault = (method, args) =>
        posts(method, args) && lost++ === 0 ? { kind: 'answer-lost' } : undefined;
      const { requestId } = await scenario.held();
      await scenario.message(requestId);
      await eventually(async () => {
        const { rows } = await scenario.platform.admin.query(
          'SELECT ts FROM approvals.slack_messages WHERE request_id = $1',
          [requestId],
        );
        expect(rows).toMatchObject([{ ts: scenario.copies(requestId)[0]?.ts }]);
      }, LONG);
      expect(scenario.copies(requestId)).toHaveLength(1);
      await scenario.click('bob', requestId, 'Approve');
      await scenario.untilShown(requestId, /Approved\* by `bob`/);
    },
    LONG,
  );

  it(
    'leave no second copy with buttons although a posting takes effect long after it was given up',
    async () => {
      let postings = 0;
      let postedAgain = (): void => undefined;
      const after = new Promise<void>((resolve) => (postedAgain = resolve));
      scenario.emulator.fault = (method, args) => {
        if (!posts(method, args)) return undefined;
        postings += 1;
        if (postings === 1) return { kind: 'late', ms: 1_000, after };
        postedAgain();
        return undefined;
      };
      const { requestId } = await scenario.held();
      await eventually(() => expect(scenario.copies(requestId)).toHaveLength(2), LONG);
      await scenario.service.vote('bob', requestId, 'deny');
      await eventually(() => expect(withButtons(requestId)).toEqual([]), LONG);
      expect(scenario.copies(requestId)).toHaveLength(2);
    },
    LONG,
  );

  it(
    'lose their buttons although an older rewriting takes effect after the last one',
    async () => {
      const { requestId } = await scenario.held({ rule: 'two-dba' });
      const message = await scenario.message(requestId);
      let updates = 0;
      let updatedAgain = (): void => undefined;
      const after = new Promise<void>((resolve) => (updatedAgain = resolve));
      scenario.emulator.fault = (method, args) => {
        if (method !== 'chat.update' || !shows(args)) return undefined;
        updates += 1;
        if (updates === 1) return { kind: 'late', ms: 200, after };
        updatedAgain();
        return undefined;
      };
      await scenario.service.vote('bob', requestId, 'approve');
      await eventually(() => expect(updates).toBeGreaterThan(0), LONG);
      await scenario.service.vote('dana', requestId, 'deny');
      await eventually(async () => {
        const { rows } = await scenario.platform.admin.query(
          'SELECT settled FROM approvals.slack_messages WHERE request_id = $1',
          [requestId],
        );
        expect(rows).toEqual([{ settled: true }]);
      }, LONG);
      expect(buttonsOf(message)).toEqual([]);
      const { calls } = scenario.emulator;
      const answered = calls.filter(
        ({ method, args, outcome }) => method === 'chat.update' && args.ts === message.ts && outcome === 'ok',
      );
      expect(message.edits).toBe(answered.length + 1);
    },
    LONG,
  );

  it(
    'wait as long as Slack asks, and no longer than that for other channels',
    async () => {
      const before = scenario.emulator.calls.length;
      let limited = 0;
      scenario.emulator.fault = (method, args) =>
        posts(method, args) && args.channel === CHANNEL && limited++ === 0
          ? { kind: 'rate-limited', retryAfter: 3 }
          : undefined;
      const { requestId } = await scenario.held({ rule: 'dba-and-security' });
      await scenario.message(requestId, 'C0SECURITY');
      expect(scenario.copies(requestId).map(({ channel }) => channel)).toEqual(['C0SECURITY']);
      await scenario.message(requestId, CHANNEL);
      const calls = scenario.emulator.calls
        .slice(before)
        .filter(({ method, args }) => posts(method, args) && args.channel === CHANNEL);
      expect(calls.map(({ outcome }) => outcome)).toEqual(['rate-limited', 'ok']);
    },
    LONG,
  );

  it(
    'are rewritten in every channel they went to',
    async () => {
      const { requestId } = await scenario.held({ rule: 'dba-and-security' });
      await scenario.message(requestId, CHANNEL);
      await scenario.message(requestId, 'C0SECURITY');
      await scenario.click('zoe', requestId, 'Approve');
      await eventually(() => {
        for (const copy of scenario.copies(requestId)) expect(textOf(copy)).toMatch(/1 of 2 \(`zoe`\)/);
      }, LONG);
      await scenario.service.vote('bob', requestId, 'deny');
      await eventually(() => expect(withButtons(requestId)).toEqual([]), LONG);
    },
    LONG,
  );

  it(
    'say so where Slack refuses to show a request, instead of saying nothing',
    async () => {
      let refused = 0;
      scenario.emulator.fault = (method, args) =>
        posts(method, args) && refused++ === 0 ? { kind: 'error', error: 'invalid_blocks' } : undefined;
      const { requestId } = await scenario.held();
      await scenario.untilShown(requestId, /Slack refused to show this request/);
      expect(withButtons(requestId)).toEqual([]);
    },
    LONG,
  );

  it(
    'keep a click that came while Slack could not say who it was',
    async () => {
      const { requestId } = await scenario.held({ rule: 'two-dba' });
      let asked = 0;
      scenario.emulator.fault = (method) =>
        method === 'users.info' && asked++ < 2 ? { kind: 'status', status: 503 } : undefined;
      await scenario.click('zoe', requestId, 'Approve');
      await scenario.untilShown(requestId, /1 of 2 \(`zoe`\)/);
    },
    LONG,
  );

  it(
    'ask to press again where the dialog could not be opened',
    async () => {
      const { requestId } = await scenario.held();
      scenario.emulator.fault = (method) =>
        method === 'views.open' ? { kind: 'status', status: 500 } : undefined;
      await scenario.click('dana', requestId, 'Deny');
      await scenario.told(slackIdOf('dana'), /Press the button again/);
    },
    LONG,
  );

  it.each([5_000, 1_048_576])(
    'show a statement of %d bytes, whole or attached whole',
    async (bytes) => {
      const statement = `UPDATE customers SET tier = 'gold' WHERE id IN (${'123456, '.repeat(Math.ceil(bytes / 8))}7)`;
      const { requestId } = await scenario.held({ sql: statement });
      const message = await scenario.message(requestId);
      expect(textOf(message)).toContain(sha256Hex(Buffer.from(statement)));
      const fenced = message.blocks
        .map((block) => block.text?.text as string | undefined)
        .filter((text) => text?.startsWith('```'))
        .map((text) => text?.slice(3, -3))
        .join('');
      if (bytes <= 5_000) return expect(fenced).toBe(statement);
      expect(fenced.endsWith('7)')).toBe(true);
      await eventually(() => {
        const file = [...scenario.emulator.workspace.files.values()].find(({ name }) =>
          name.includes(requestId),
        );
        expect(file?.shared).toEqual({ channel: CHANNEL, threadTs: message.ts });
        expect(file?.content?.toString('utf8')).toBe(statement);
      }, LONG);
    },
    LONG,
  );

  it(
    'show hostile text as nothing but text',
    async () => {
      const statement = "SELECT '<!channel> <@U0BOB> ```*x*``` \u202egnp'";
      const { requestId } = await scenario.held({ sql: statement });
      const message = await scenario.message(requestId);
      expect(liveTokens(textOf(message))).toEqual([]);
      expect(textOf(message)).toContain('&lt;!channel&gt; &lt;@U0BOB&gt; ˋˋˋ*x*ˋˋˋ ⟨U+202E⟩gnp');
      await eventually(() => {
        const file = [...scenario.emulator.workspace.files.values()].find(({ name }) =>
          name.includes(requestId),
        );
        expect(file?.content?.toString('utf8')).toBe(statement);
      }, LONG);
    },
    LONG,
  );
});
