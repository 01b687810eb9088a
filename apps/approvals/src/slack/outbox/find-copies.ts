import { z } from 'zod';
import type { SlackAnswer, SlackWeb } from '../slack-web.js';

/** The event types of the metadata that messages carry, so that they can be found again. */
export const REQUEST_METADATA = 'countersign_request';
export const THREAD_METADATA = 'countersign_thread';

const MAX_PAGES = 10;
/** Clocks differ: what is looked for may seem to be older than it is, seconds. */
const SLACK_OF_CLOCKS_S = 120;

const pageSchema = z.object({
  messages: z.array(
    z.object({
      ts: z.string(),
      metadata: z
        .object({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) })
        .optional()
        .catch(undefined),
    }),
  ),
  response_metadata: z.object({ next_cursor: z.string().optional() }).nullish(),
});

export type Found = { readonly kind: 'found'; readonly messages: readonly FoundMessage[] };
export interface FoundMessage {
  readonly ts: string;
  readonly payload: Readonly<Record<string, unknown>>;
}
type NotFound = Exclude<SlackAnswer, { kind: 'ok' }>;

/** The copies of a message in its channel, oldest first, by the id in their metadata. `sinceMs` since 1970. */
export const findCopies = (
  web: SlackWeb,
  message: { readonly id: string; readonly channel: string },
  sinceMs: number,
): Promise<Found | NotFound> =>
  find(web, 'conversations.history', REQUEST_METADATA, message.id, {
    channel: message.channel,
    oldest: (sinceMs / 1000 - SLACK_OF_CLOCKS_S).toFixed(6),
  });

/** The posts of ours in a message's thread. */
export const findThreadPosts = (
  web: SlackWeb,
  message: { readonly id: string; readonly channel: string; readonly ts: string },
): Promise<Found | NotFound> =>
  find(web, 'conversations.replies', THREAD_METADATA, message.id, {
    channel: message.channel,
    ts: message.ts,
  });

async function find(
  web: SlackWeb,
  method: string,
  eventType: string,
  messageId: string,
  parameters: Record<string, unknown>,
): Promise<Found | NotFound> {
  const messages: FoundMessage[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await web.call(method, {
      ...parameters,
      include_all_metadata: true,
      limit: 200,
      ...(cursor === undefined ? {} : { cursor }),
    });
    if (answer.kind !== 'ok') return answer;
    const read = pageSchema.safeParse(answer.data);
    if (!read.success) return { kind: 'refused', error: `${method}: an answer that cannot be read` };
    for (const { ts, metadata } of read.data.messages) {
      if (metadata?.event_type === eventType && metadata.event_payload['message_id'] === messageId)
        messages.push({ ts, payload: metadata.event_payload });
    }
    cursor = read.data.response_metadata?.next_cursor;
    if (cursor === undefined || cursor === '') break;
  }
  return { kind: 'found', messages: messages.sort((a, b) => Number(a.ts) - Number(b.ts)) };
}
