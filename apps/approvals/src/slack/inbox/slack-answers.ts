import type { Block } from '../blocks/block.js';
import { section } from '../blocks/block.js';
import type { SlackAnswer, SlackWeb } from '../slack-web.js';
import type { Interaction } from './interaction.js';

/** Tells one person something that nobody else sees. */
export class SlackAnswers {
  constructor(
    private readonly web: SlackWeb,
    private readonly apiUrl: string | undefined,
  ) {}

  /** `text` is mrkdwn: what of it comes from others is inert already. */
  async tell(
    interaction: Interaction,
    text: string,
    blocks: readonly Block[] = [section(text)],
  ): Promise<SlackAnswer> {
    const { channel, user, kind, messageTs, responseUrl } = interaction;
    const answer = await this.web.call('chat.postEphemeral', {
      channel,
      user,
      text,
      blocks,
      ...(kind === 'reply' ? { thread_ts: messageTs } : {}),
    });
    // For instance in a channel that the bot may not post to: the click itself brought another way.
    return answer.kind === 'refused' && responseUrl !== undefined && this.isSlacks(responseUrl)
      ? respond(responseUrl, { response_type: 'ephemeral', replace_original: false, text, blocks })
      : answer;
  }

  /** Nothing is sent to an address that is not Slack's, whoever signed it. */
  private isSlacks(url: string): boolean {
    const { origin } = new URL(url);
    return (
      origin === 'https://hooks.slack.com' ||
      (this.apiUrl !== undefined && origin === new URL(this.apiUrl).origin)
    );
  }
}

async function respond(url: string, body: object): Promise<SlackAnswer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(6_000),
    });
    if (response.ok) return { kind: 'ok', data: {} };
    return response.status >= 500
      ? { kind: 'unavailable', problem: `HTTP ${response.status}` }
      : { kind: 'refused', error: `response_url: HTTP ${response.status}` };
  } catch (error) {
    return { kind: 'unavailable', problem: error instanceof Error ? error.message : String(error) };
  }
}
