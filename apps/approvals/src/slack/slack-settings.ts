import { z } from 'zod';
import { durationSetting, readPairs, readSettings, SettingError } from '#libs/kernel/settings.js';

const onOff = z.enum(['on', 'off'], 'must be on or off');
const channelId = z
  .string()
  .regex(/^[CG][A-Z0-9]{1,30}$/, 'must be the id of a channel, such as C0123456789');

const schema = z.object({
  SLACK_BOT_TOKEN: z.string().max(512).optional(),
  SLACK_SIGNING_SECRET: z.string().max(512).optional(),
  SLACK_APP_TOKEN: z.string().max(512).optional(),
  SLACK_CHANNEL: channelId.optional(),
  SLACK_CHANNELS: z.string().max(16_384).optional(),
  SLACK_API_URL: z.url('must be a URL such as https://slack.com/api/').optional(),
  SLACK_SHOW_SQL: onOff.default('on'),
  SLACK_MATCH_EMAIL: onOff.default('off'),
  SLACK_FALLBACK_AFTER: durationSetting.default(120_000),
});

export interface SlackSettings {
  readonly botToken: string;
  /** Absent in Socket Mode, where nothing arrives over HTTP. */
  readonly signingSecret: string | undefined;
  /** Selects Socket Mode. */
  readonly appToken: string | undefined;
  /** Takes what no group's channel takes. */
  readonly channel: string;
  /** The channels of groups that have one of their own. */
  readonly channelOfGroup: ReadonlyMap<string, string>;
  /** Ends with a slash. */
  readonly apiUrl: string | undefined;
  readonly showSql: boolean;
  readonly matchEmail: boolean;
  /** How long a request may stay unposted before the next channel is used, ms. */
  readonly fallbackAfterMs: number;
}

/** Reads what Slack needs; undefined where no bot token is set. Throws SettingError, one line. */
export function readSlackSettings(
  environment: Readonly<Record<string, string | undefined>>,
): SlackSettings | undefined {
  const given = readSettings(schema, environment);
  const botToken = given.SLACK_BOT_TOKEN;
  if (botToken === undefined) {
    const other = (
      ['SLACK_SIGNING_SECRET', 'SLACK_APP_TOKEN', 'SLACK_CHANNEL', 'SLACK_CHANNELS'] as const
    ).find((name) => given[name] !== undefined);
    if (other !== undefined) throw new SettingError('SLACK_BOT_TOKEN', `is required where ${other} is set`);
    return undefined;
  }
  if (given.SLACK_CHANNEL === undefined)
    throw new SettingError('SLACK_CHANNEL', 'is required where SLACK_BOT_TOKEN is set');
  if (given.SLACK_SIGNING_SECRET === undefined && given.SLACK_APP_TOKEN === undefined) {
    throw new SettingError(
      'SLACK_SIGNING_SECRET',
      'is required where SLACK_BOT_TOKEN is set without SLACK_APP_TOKEN (Socket Mode)',
    );
  }
  return {
    botToken,
    signingSecret: given.SLACK_SIGNING_SECRET,
    appToken: given.SLACK_APP_TOKEN,
    channel: given.SLACK_CHANNEL,
    channelOfGroup: channelsOf(given.SLACK_CHANNELS ?? ''),
    apiUrl: given.SLACK_API_URL?.replace(/\/*$/, '/'),
    showSql: given.SLACK_SHOW_SQL === 'on',
    matchEmail: given.SLACK_MATCH_EMAIL === 'on',
    fallbackAfterMs: given.SLACK_FALLBACK_AFTER,
  };
}

function channelsOf(text: string): Map<string, string> {
  const channels = readPairs(text, (value) => channelId.safeParse(value).success);
  if (channels === undefined)
    throw new SettingError('SLACK_CHANNELS', 'must be group=channel pairs such as dba=C0123,security=C0456');
  return channels;
}

/** The channels a request goes to: each group's own, and the common one where a group has none. */
export function channelsFor(settings: SlackSettings, groups: readonly string[]): string[] {
  const channels = groups.map((group) => settings.channelOfGroup.get(group) ?? settings.channel);
  return channels.length === 0 ? [settings.channel] : [...new Set(channels)];
}
