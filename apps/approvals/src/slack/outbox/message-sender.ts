import type { Logger } from '#libs/observability/logger.js';
import type { Directory } from '#libs/identity/directory.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import { noticeMessage, requestMessage, type RequestMessage } from '../blocks/request-message.js';
import { isOver, shownState, type MessageOptions } from '../blocks/shown-request.js';
import { loadShownRequest, type LoadedRequest } from '../load-shown-request.js';
import type { SlackAnswer, SlackWeb } from '../slack-web.js';
import { attachStatement } from './attach-statement.js';
import { findCopies, REQUEST_METADATA } from './find-copies.js';
import {
  addSupersededCopy,
  claimMessage,
  CLOSED,
  noteMessage,
  type ClaimedMessage,
  type MessageChange,
} from './message-queries.js';
import type { MessageSteps, PostedMessage } from './message-steps.js';
import { pauseFor, takePost, waitForMethod } from './rate-limits.js';
import { tellThread } from './tell-thread.js';

export interface MessageSenderOptions {
  readonly pool: DatabasePool;
  readonly web: SlackWeb;
  readonly directory: Directory;
  readonly messageOptions: () => MessageOptions;
  readonly newId: () => string;
  readonly logger: Logger;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
/** After a refusal that somebody has to put right: a scope, a token, the membership of a channel. */
const REFUSED_RETRY_MS = 30_000;
/** How long an unanswered call may still take effect, ms; then the state is sent once more. */
const MAY_TAKE_EFFECT_MS = 10_000;
/** How long before a copy another one of it may have been posted, ms. */
const LOOK_BACK_MS = 3_600_000;
/** A message that somebody deleted is posted again so many times. */
const MAX_REPOSTS = 3;

const UNSHOWABLE = new Set([
  'invalid_blocks',
  'invalid_blocks_format',
  'msg_too_long',
  'msg_blocks_too_long',
  'invalid_attachments',
]);
/** The copy cannot be changed any more, ever. */
const GONE = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed', 'is_inactive']);

/**
 * Brings one copy of one message a step nearer to what the request is. Each step is one call to Slack and
 * one note in the database; whatever is killed, lost or done twice, the next step starts from both.
 */
export class MessageSender implements MessageSteps {
  constructor(private readonly options: MessageSenderOptions) {}

  /** False when nothing is due. */
  async sendNext(): Promise<boolean> {
    const { pool, logger } = this.options;
    const message = await claimMessage(pool);
    if (message === undefined) return false;
    const loaded = await loadShownRequest(pool, message.request_id);
    if (loaded === undefined) {
      logger.error({ requestId: message.request_id }, 'a message belongs to no request');
      return noteMessage(pool, message, { settled: true });
    }
    await this.step(message, loaded);
    return true;
  }

  private async step(message: ClaimedMessage, loaded: LoadedRequest): Promise<void> {
    if (message.ts === null) return this.post(message, loaded);
    const posted = message as PostedMessage;
    const desired = message.superseded ? CLOSED : shownState(loaded.found.version, loaded.found.outcome);
    if (message.shown !== desired || message.uncertain_due) return this.update(posted, loaded, desired);
    if (!message.superseded) {
      if (message.file === 'wanted') return attachStatement(posted, loaded, this);
      if (
        message.thread_version < loaded.found.version ||
        (loaded.found.outcome !== undefined && !message.thread_outcome)
      )
        return tellThread(posted, loaded, this.options.directory, this);
    }
    if (message.uncertain) return this.note(message, { againInMs: MAY_TAKE_EFFECT_MS });
    if (message.superseded || isOver(loaded.found.view.state, loaded.found.outcome))
      return this.settle(posted);
    return this.note(message, { againInMs: 0 });
  }

  private async post(message: ClaimedMessage, loaded: LoadedRequest): Promise<void> {
    const { pool, newId } = this.options;
    if (message.posting_since !== null) {
      const found = await findCopies(this.options.web, message, message.posting_since);
      if (found.kind === 'unavailable' || found.kind === 'rate-limited')
        return this.failed(message, 'conversations.history', found);
      const [first, ...others] = found.kind === 'found' ? found.messages : [];
      for (const { ts } of others)
        await addSupersededCopy(pool, {
          id: newId(),
          requestId: message.request_id,
          channel: message.channel,
          ts,
        });
      if (first !== undefined) {
        const file = this.render(message, loaded).attach ? 'wanted' : 'none';
        return this.note(message, {
          ts: first.ts,
          posting: 'over',
          reposted: true,
          uncertainForMs: MAY_TAKE_EFFECT_MS,
          file,
          attempts: 0,
          againInMs: 0,
        });
      }
      if (found.kind === 'refused') this.report(message, 'conversations.history', found.error);
    }
    const wait = await takePost(pool, message.channel);
    if (wait > 0) return this.note(message, { againInMs: wait });
    const again = message.posting_since !== null;
    if (!(await noteMessage(pool, message, { posting: 'begins', ...(again ? { reposted: true } : {}) })))
      return;
    const desired = shownState(loaded.found.version, loaded.found.outcome);
    let rendered = this.render(message, loaded);
    let answer = await this.send('chat.postMessage', message, rendered);
    if (answer.kind === 'refused' && UNSHOWABLE.has(answer.error)) {
      this.report(message, 'chat.postMessage', answer.error);
      rendered = noticeMessage(loaded.shown, UNSHOWN);
      answer = await this.send('chat.postMessage', message, rendered);
    }
    if (answer.kind !== 'ok') {
      // What was refused or limited was not posted: it need not be looked for.
      const over = answer.kind !== 'unavailable' && !again ? ({ posting: 'over' } as const) : {};
      const uncertain = answer.kind === 'unavailable' ? { uncertainForMs: MAY_TAKE_EFFECT_MS } : {};
      return this.failed(message, 'chat.postMessage', answer, { ...over, ...uncertain });
    }
    const ts = String(answer.data['ts']);
    const noted = await noteMessage(pool, message, {
      ts,
      posting: 'over',
      shown: desired,
      file: rendered.attach ? 'wanted' : 'none',
      attempts: 0,
      problem: null,
      againInMs: 0,
    });
    // Somebody else went on meanwhile, perhaps with another copy.
    if (!noted)
      await addSupersededCopy(pool, {
        id: newId(),
        requestId: message.request_id,
        channel: message.channel,
        ts,
      });
  }

  private async update(message: PostedMessage, loaded: LoadedRequest, desired: string): Promise<void> {
    const wait = await waitForMethod(this.options.pool, 'chat.update');
    if (wait > 0) return this.note(message, { againInMs: wait });
    const rendered = this.render(message, loaded);
    let answer = await this.send('chat.update', message, rendered);
    if (answer.kind === 'refused' && UNSHOWABLE.has(answer.error)) {
      this.report(message, 'chat.update', answer.error);
      answer = await this.send('chat.update', message, noticeMessage(loaded.shown, UNSHOWN));
    }
    if (answer.kind === 'ok') {
      // Whatever could still take effect has done so by now: also a posting that was made again.
      if (message.uncertain_due && !(await this.closeOtherCopies(message))) return;
      return this.note(message, {
        shown: desired,
        attempts: 0,
        problem: null,
        againInMs: 0,
        ...(rendered.attach && message.file === 'none' ? { file: 'wanted' as const } : {}),
        ...(message.uncertain_due ? { uncertainForMs: null } : {}),
      });
    }
    if (answer.kind === 'unavailable')
      return this.failed(message, 'chat.update', answer, { uncertainForMs: MAY_TAKE_EFFECT_MS });
    if (answer.kind === 'refused' && GONE.has(answer.error)) {
      this.report(message, 'chat.update', answer.error);
      const repost =
        answer.error === 'message_not_found' &&
        loaded.found.view.state === 'pending' &&
        !message.superseded &&
        message.attempts < MAX_REPOSTS;
      return this.note(
        message,
        repost
          ? {
              ts: null,
              posting: 'over',
              shown: '',
              attempts: message.attempts + 1,
              threadVersion: 0,
              againInMs: 0,
            }
          : { settled: true, problem: answer.error },
      );
    }
    return this.failed(message, 'chat.update', answer);
  }

  /** The end is shown and told. */
  private async settle(message: PostedMessage): Promise<void> {
    if (await this.closeOtherCopies(message)) await this.note(message, { settled: true, problem: null });
  }

  /** Where something was posted twice, looks for other copies. False when Slack did not say: it is tried again. */
  private async closeOtherCopies(message: PostedMessage): Promise<boolean> {
    if (!message.reposted || message.superseded) return true;
    const found = await findCopies(this.options.web, message, Number(message.ts) * 1000 - LOOK_BACK_MS);
    if (found.kind === 'unavailable' || found.kind === 'rate-limited') {
      await this.failed(message, 'conversations.history', found);
      return false;
    }
    for (const { ts } of found.kind === 'found' ? found.messages : []) {
      const copy = {
        id: this.options.newId(),
        requestId: message.request_id,
        channel: message.channel,
        ts,
      };
      if (ts !== message.ts) await addSupersededCopy(this.options.pool, copy);
    }
    return true;
  }

  private render(message: ClaimedMessage, { shown }: LoadedRequest): RequestMessage {
    return message.superseded
      ? noticeMessage(shown, 'This is a second copy of a message: decide in the other one.')
      : requestMessage(shown, this.options.messageOptions());
  }

  private send(
    method: 'chat.postMessage' | 'chat.update',
    message: ClaimedMessage,
    rendered: RequestMessage,
  ): Promise<SlackAnswer> {
    return this.options.web.call(method, {
      channel: message.channel,
      ...(message.ts === null ? { unfurl_links: false, unfurl_media: false } : { ts: message.ts }),
      text: rendered.text,
      blocks: rendered.blocks,
      metadata: {
        event_type: REQUEST_METADATA,
        event_payload: { message_id: message.id, request_id: message.request_id },
      },
    });
  }

  get web(): SlackWeb {
    return this.options.web;
  }

  get pool(): DatabasePool {
    return this.options.pool;
  }

  async note(message: ClaimedMessage, change: MessageChange): Promise<void> {
    await noteMessage(this.options.pool, message, change);
  }

  /** Notes when a step that did not succeed is tried again. */
  async failed(
    message: ClaimedMessage,
    method: string,
    answer: Exclude<SlackAnswer, { kind: 'ok' }>,
    change: MessageChange = {},
  ): Promise<void> {
    const attempts = message.attempts + 1;
    if (answer.kind === 'rate-limited') {
      await pauseFor(this.options.pool, method, message.channel, answer.retryAfterMs);
      return this.note(message, { ...change, againInMs: answer.retryAfterMs, problem: 'rate-limited' });
    }
    if (answer.kind === 'refused') {
      this.report(message, method, answer.error);
      return this.note(message, { ...change, attempts, problem: answer.error, againInMs: REFUSED_RETRY_MS });
    }
    const backOff = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, message.attempts));
    this.options.logger.warn(
      { method, problem: answer.problem, channel: message.channel, attempts },
      'Slack did not answer',
    );
    return this.note(message, { ...change, attempts, problem: answer.problem, againInMs: backOff });
  }

  /** docs/slack.md says what each error means. */
  report(message: ClaimedMessage, method: string, error: string): void {
    this.options.logger.error(
      { method, error, channel: message.channel, requestId: message.request_id },
      'Slack refuses: see docs/slack.md',
    );
  }
}

const UNSHOWN =
  ':warning: Slack refused to show this request. Read it and decide it with the countersign command; nothing can be clicked here.';
