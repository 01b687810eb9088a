import { channelsFor, readSlackSettings } from './slack-settings.js';

const GIVEN = { SLACK_BOT_TOKEN: 'xoxb-sample', SLACK_SIGNING_SECRET: 's', SLACK_CHANNEL: 'C0APPROVALS' };

describe('readSlackSettings', () => {
  it('needs nothing where Slack is not used', () => {
    expect(readSlackSettings({ SLACK_API_URL: 'http://127.0.0.1:1/api/' })).toBeUndefined();
  });

  it.each([
    ['SLACK_BOT_TOKEN', { SLACK_CHANNEL: 'C0APPROVALS' }],
    ['SLACK_CHANNEL', { ...GIVEN, SLACK_CHANNEL: '' }],
    ['SLACK_CHANNEL', { ...GIVEN, SLACK_CHANNEL: '#approvals' }],
    ['SLACK_SIGNING_SECRET', { ...GIVEN, SLACK_SIGNING_SECRET: undefined }],
    ['SLACK_API_URL', { ...GIVEN, SLACK_API_URL: 'emulator' }],
    ['SLACK_SHOW_SQL', { ...GIVEN, SLACK_SHOW_SQL: 'yes' }],
    ['SLACK_MATCH_EMAIL', { ...GIVEN, SLACK_MATCH_EMAIL: 'true' }],
    ['SLACK_CHANNELS', { ...GIVEN, SLACK_CHANNELS: 'dba' }],
    ['SLACK_CHANNELS', { ...GIVEN, SLACK_CHANNELS: 'dba=C0DBA,dba=C0OTHER' }],
    ['SLACK_FALLBACK_AFTER', { ...GIVEN, SLACK_FALLBACK_AFTER: 'soon' }],
  ])('names %s in one line when it is wrong', (variable, environment) => {
    expect(() => readSlackSettings(environment)).toThrow(new RegExp(`^${variable}: [^\\n]+$`));
  });

  it('sends a request to the channel of each group, and to the common one for the others', () => {
    const settings = readSlackSettings({ ...GIVEN, SLACK_CHANNELS: 'dba=C0DBA, cn=sec=C0SEC' });
    if (settings === undefined) throw new Error('no settings');
    expect(channelsFor(settings, ['dba'])).toEqual(['C0DBA']);
    expect(channelsFor(settings, ['dba', 'cn=sec', 'legal'])).toEqual(['C0DBA', 'C0SEC', 'C0APPROVALS']);
    expect(channelsFor(settings, [])).toEqual(['C0APPROVALS']);
  });
});
