import type { DatabasePool } from '#libs/postgres/pool.js';
import type { SlackAnswer, SlackWeb } from '../slack-web.js';
import type { ClaimedMessage, MessageChange } from './message-queries.js';

export type PostedMessage = ClaimedMessage & { readonly ts: string };

/** What a step of a message works with; the sender is it. */
export interface MessageSteps {
  readonly web: SlackWeb;
  readonly pool: DatabasePool;
  /** Notes what was done, if the lease is still held. */
  note(message: ClaimedMessage, change: MessageChange): Promise<void>;
  /** Notes when a call that did not succeed is tried again. */
  failed(
    message: ClaimedMessage,
    method: string,
    answer: Exclude<SlackAnswer, { kind: 'ok' }>,
    change?: MessageChange,
  ): Promise<void>;
  /** Says in the log what somebody has to put right. */
  report(message: ClaimedMessage, method: string, error: string): void;
}
