import bolt from '@slack/bolt';
import type { webApi as WebApi } from '@slack/bolt';

const { webApi } = bolt;

/** What became of a call. Only `unavailable` may have taken effect all the same: its answer was lost. */
export type SlackAnswer =
  | { readonly kind: 'ok'; readonly data: Readonly<Record<string, unknown>> }
  | { readonly kind: 'rate-limited'; readonly retryAfterMs: number }
  | { readonly kind: 'unavailable'; readonly problem: string }
  | { readonly kind: 'refused'; readonly error: string };

/** Longest a call may take, ms. The leases of the outbox are several times this. */
export const CALL_TIMEOUT_MS = 6_000;

/** What Slack calls errors but are states that pass (docs.slack.dev, the methods' error tables). */
const PASSING = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
]);

/** Slack's Web API with every error as a value. Never waits for a rate limit: that is the outbox's business. */
export class SlackWeb {
  constructor(private readonly client: WebApi.WebClient) {}

  async call(method: string, parameters: Record<string, unknown> = {}): Promise<SlackAnswer> {
    try {
      return { kind: 'ok', data: { ...(await this.client.apiCall(method, parameters)) } };
    } catch (error) {
      return answerOf(error);
    }
  }
}

export function answerOf(error: unknown): SlackAnswer {
  if (error instanceof webApi.WebAPIRateLimitedError)
    return { kind: 'rate-limited', retryAfterMs: Math.min(3_600, Math.max(1, error.retryAfter)) * 1_000 };
  if (error instanceof webApi.WebAPIPlatformError) {
    const name = String(error.data.error).slice(0, 100);
    return PASSING.has(name) ? { kind: 'unavailable', problem: name } : { kind: 'refused', error: name };
  }
  if (error instanceof webApi.WebAPIHTTPError)
    return { kind: 'unavailable', problem: `HTTP ${error.statusCode}` };
  return {
    kind: 'unavailable',
    problem: (error instanceof Error ? error.message : String(error)).slice(0, 200),
  };
}

/** How a client for Slack, or for an emulator, is made: no retries of its own and no waiting. */
export const webClientOptions = (apiUrl: string | undefined): WebApi.WebClientOptions => ({
  ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
  retryConfig: { retries: 0 },
  rejectRateLimitedCalls: true,
  timeout: CALL_TIMEOUT_MS,
  logLevel: webApi.LogLevel.ERROR,
});
