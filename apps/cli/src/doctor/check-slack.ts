import { approvalsEnvironment, type Environment } from '../installation/approvals-environment.js';
import { check, type CheckResult } from './check.js';

/** What the bot must be allowed to do; docs/slack.md says what for. Either history scope may be the channel's. */
const SCOPES = ['chat:write', 'files:write', 'users:read'];
const HISTORY = ['channels:history', 'groups:history'];
const INFO = ['channels:read', 'groups:read'];

/** Slack refuses nothing of ours by time, but we refuse its requests 60 s ahead of our clock. ms. */
const MAX_SKEW_MS = 30_000;

/**
 * Slack's token, scopes, channels and clock, with the settings of this environment or else those the
 * running stack was started with. One line that says so where Slack is not used.
 */
export async function checkSlack(
  home: string,
  environment: Environment,
  now: () => number,
): Promise<CheckResult[]> {
  const settings = await approvalsEnvironment(home, environment, 'SLACK_BOT_TOKEN');
  const token = settings['SLACK_BOT_TOKEN'];
  if (token === undefined || token === '') return [{ name: 'slack', ok: true, detail: 'not configured' }];
  const slack = new Slack(settings['SLACK_API_URL'] ?? 'https://slack.com/api/', now);
  const channels = [
    settings['SLACK_CHANNEL'],
    ...(settings['SLACK_CHANNELS'] ?? '').split(',').map((entry) => entry.split('=').at(-1)?.trim()),
  ].filter((channel): channel is string => channel !== undefined && channel !== '');
  const checks = [
    check('slack token', async () => {
      const { team, user } = await slack.call('auth.test', token);
      return `${String(user)} in workspace ${String(team)}`;
    }),
    check('slack scopes', async () => scopesOf((await slack.call('auth.test', token)).scopes, settings)),
    check('slack clock', async () => {
      const { skewMs } = await slack.call('auth.test', token);
      const text = `Slack's clock is ${Math.abs(skewMs)} ms ${skewMs < 0 ? 'behind' : 'ahead of'} this machine`;
      if (Math.abs(skewMs) > MAX_SKEW_MS)
        throw new Error(`${text}: set the clock, or signed requests are refused`);
      return text;
    }),
    ...[...new Set(channels)].map((channel) =>
      check(`slack channel ${channel}`, async () =>
        membership(channel, await slack.call('conversations.info', token, { channel })),
      ),
    ),
  ];
  const appToken = settings['SLACK_APP_TOKEN'];
  if (appToken !== undefined && appToken !== '') {
    checks.push(
      check('slack socket mode', async () => {
        await slack.call('apps.connections.open', appToken);
        return 'connections can be opened';
      }),
    );
  } else if ((settings['SLACK_SIGNING_SECRET'] ?? '') === '') {
    checks.push(
      check('slack signing secret', () =>
        Promise.reject(new Error('SLACK_SIGNING_SECRET is not set: nothing Slack sends is believed')),
      ),
    );
  }
  return Promise.all(checks);
}

interface Answer {
  readonly [field: string]: unknown;
  readonly scopes: readonly string[];
  readonly skewMs: number;
}

class Slack {
  constructor(
    private readonly apiUrl: string,
    private readonly now: () => number,
  ) {}

  async call(
    method: string,
    token: string,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const sent = this.now();
    const response = await fetch(new URL(method, this.apiUrl.replace(/\/*$/, '/')), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: new URLSearchParams(parameters),
      signal: AbortSignal.timeout(10_000),
    }).catch((error: unknown) => {
      throw new Error(
        `Slack cannot be reached at ${this.apiUrl} (${error instanceof Error ? error.message : String(error)})`,
      );
    });
    if (response.status === 429)
      throw new Error(`Slack limits ${method}: try again in ${response.headers.get('retry-after') ?? '?'} s`);
    if (!response.ok) throw new Error(`Slack answers ${method} with HTTP ${response.status}`);
    const body = (await response.json()) as Record<string, unknown>;
    if (body['ok'] !== true) throw new Error(`${method}: ${meaningOf(String(body['error']))}`);
    // The Date header has whole seconds.
    const theirs = Date.parse(response.headers.get('date') ?? '') + 500;
    const ours = (sent + this.now()) / 2;
    return {
      ...body,
      scopes: (response.headers.get('x-oauth-scopes') ?? '').split(',').map((scope) => scope.trim()),
      skewMs: Number.isNaN(theirs) ? 0 : Math.round(theirs - ours),
    };
  }
}

function scopesOf(granted: readonly string[], settings: Environment): string {
  const wanted = settings['SLACK_MATCH_EMAIL'] === 'on' ? [...SCOPES, 'users:read.email'] : SCOPES;
  const missing = wanted.filter((scope) => !granted.includes(scope));
  for (const anyOf of [HISTORY, INFO])
    if (!anyOf.some((scope) => granted.includes(scope))) missing.push(anyOf.join(' or '));
  if (missing.length === 0) return granted.join(', ');
  throw new Error(
    `missing ${missing.join(', ')}: add them under OAuth & Permissions and install the app again`,
  );
}

function membership(channel: string, { channel: info }: Answer): string {
  const { name, is_member: member, is_archived: archived } = (info ?? {}) as Record<string, unknown>;
  if (archived === true) throw new Error(`#${String(name)} is archived`);
  if (member !== true) throw new Error(`the app is not in #${String(name)}: /invite it there`);
  return `#${String(name ?? channel)}, the app is a member`;
}

const MEANINGS: Readonly<Record<string, string>> = {
  invalid_auth: 'invalid_auth: the token is wrong or of another workspace',
  not_authed: 'not_authed: no token was sent',
  token_revoked: 'token_revoked: install the app again',
  account_inactive: 'account_inactive: the app was removed from the workspace',
  channel_not_found:
    'channel_not_found: not a channel of this workspace, or a private one without the app in it',
  missing_scope: 'missing_scope: see docs/slack.md for the scopes',
};

const meaningOf = (error: string): string => MEANINGS[error] ?? error;
