import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SlackEmulator } from '#libs/testing/slack-emulator/slack-emulator.js';
import { checkSlack } from './check-slack.js';

describe('checkSlack', () => {
  let emulator: SlackEmulator;
  let home: string;
  beforeAll(async () => {
    emulator = await SlackEmulator.start({ channels: ['C0APPROVALS'] });
    emulator.workspace.channels.set('C0OTHER', { member: false });
    home = await mkdtemp(path.join(tmpdir(), 'countersign-doctor-'));
  });
  afterAll(async () => {
    await emulator.close();
    await rm(home, { recursive: true, force: true });
  });

  const settings = (more: Readonly<Record<string, string>> = {}) => ({
    SLACK_BOT_TOKEN: 'xoxb-sample',
    SLACK_SIGNING_SECRET: 'only-a-test',
    SLACK_CHANNEL: 'C0APPROVALS',
    SLACK_API_URL: emulator.apiUrl,
    ...more,
  });
  const wrong = async (more: Readonly<Record<string, string>>, now = () => Date.now()) =>
    (await checkSlack(home, settings(more), now))
      .filter(({ ok }) => !ok)
      .map(({ name, detail }) => `${name}: ${detail}`);

  it('says that Slack is not configured where it is not', async () => {
    expect(await checkSlack(home, {}, () => Date.now())).toEqual([
      { name: 'slack', ok: true, detail: 'not configured' },
    ]);
  });

  it('finds nothing wrong with a token, scopes, channel and clock that are right', async () => {
    expect(await wrong({})).toEqual([]);
  });

  it('takes the settings of the stack that runs here', async () => {
    await writeFile(
      path.join(home, 'stack.json'),
      JSON.stringify({ environments: { approvals: settings() } }),
    );
    const checks = await checkSlack(home, {}, () => Date.now());
    await rm(path.join(home, 'stack.json'));
    expect(checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['slack token', true],
      ['slack scopes', true],
      ['slack clock', true],
      ['slack channel C0APPROVALS', true],
    ]);
  });

  it.each([
    [
      'a token of nobody',
      { SLACK_BOT_TOKEN: 'xoxb-wrong' },
      /slack token: auth\.test: invalid_auth: the token is wrong/,
    ],
    [
      'a channel the app is not in',
      { SLACK_CHANNEL: 'C0OTHER' },
      /slack channel C0OTHER: the app is not in #c0other: \/invite/,
    ],
    [
      'a channel that does not exist',
      { SLACK_CHANNELS: 'dba=C0NOWHERE' },
      /slack channel C0NOWHERE: .*channel_not_found/,
    ],
    ['a scope that is missing', { SLACK_MATCH_EMAIL: 'on' }, /slack scopes: missing users:read\.email/],
    ['no way to check signatures', { SLACK_SIGNING_SECRET: '' }, /SLACK_SIGNING_SECRET is not set/],
    ['an app token of nobody', { SLACK_APP_TOKEN: 'xapp-wrong' }, /slack socket mode: .*invalid_auth/],
    ['a Slack that does not answer', { SLACK_API_URL: 'http://127.0.0.1:9/api/' }, /cannot be reached/],
  ])('names %s', async (_, more, words) => {
    expect((await wrong(more)).join('\n')).toMatch(words);
  });

  it('names a clock that is wrong', async () => {
    expect((await wrong({}, () => Date.now() - 120_000)).join('\n')).toMatch(
      /slack clock: .*ahead of this machine: set the clock/,
    );
  });
});
