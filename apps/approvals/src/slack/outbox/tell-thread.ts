import type { Directory } from '#libs/identity/directory.js';
import { loadStream, type StoredEvent } from '../../event-store/load-stream.js';
import { fittingLines, outcomeLine, threadLine } from '../blocks/thread-lines.js';
import { repliesIn } from '../inbox/inbox-queries.js';
import type { LoadedRequest } from '../load-shown-request.js';
import { findThreadPosts, THREAD_METADATA } from './find-copies.js';
import type { MessageSteps, PostedMessage } from './message-steps.js';
import { takePost } from './rate-limits.js';

/** Tells the thread what has happened since it was told last: votes, comments, the end, the outcome. */
export async function tellThread(
  message: PostedMessage,
  { found }: LoadedRequest,
  directory: Directory,
  sender: MessageSteps,
): Promise<void> {
  if (message.thread_uncertain) {
    const posts = await findThreadPosts(sender.web, message);
    if (posts.kind === 'unavailable' || posts.kind === 'rate-limited')
      return sender.failed(message, 'conversations.replies', posts);
    const told = posts.kind === 'found' ? posts.messages.map(({ payload }) => payload) : [];
    const version = Math.max(message.thread_version, ...told.map((each) => Number(each['version']) || 0));
    return sender.note(message, {
      threadUncertain: false,
      threadVersion: version,
      ...(told.some((each) => each['outcome'] === true) ? { threadOutcome: true as const } : {}),
      againInMs: 0,
    });
  }
  const events = (await loadStream(sender.pool, message.request_id)).slice(
    message.thread_version,
    found.version,
  );
  const said = await repliesIn(sender.pool, message.request_id, message.channel);
  const mention = await mentionOf(directory, found.view.requester);
  const entries = events
    .filter((event) => !(event.type === 'request.commented' && said.includes(event.text)))
    .map((event) => ({ event, line: threadLine(event, mentionFor(event, found.view.requester, mention)) }))
    .flatMap(({ event, line }) => (line === undefined ? [] : [{ event, line }]));
  const lines = fittingLines(entries.map(({ line }) => line));
  const all = lines.length === entries.length;
  const next = entries[lines.length];
  const version = next === undefined ? found.version : message.thread_version + events.indexOf(next.event);
  const outcome = all && found.outcome !== undefined && !message.thread_outcome;
  if (outcome) lines.push(outcomeLine(found.outcome as string));
  const done = { threadVersion: version, ...(outcome ? { threadOutcome: true as const } : {}) };
  if (lines.length === 0) return sender.note(message, { ...done, againInMs: 0 });
  const wait = await takePost(sender.pool, message.channel);
  if (wait > 0) return sender.note(message, { againInMs: wait });
  const answer = await sender.web.call('chat.postMessage', {
    channel: message.channel,
    thread_ts: message.ts,
    text: lines.join('\n'),
    unfurl_links: false,
    metadata: { event_type: THREAD_METADATA, event_payload: { message_id: message.id, version, outcome } },
  });
  if (answer.kind === 'ok')
    return sender.note(message, { ...done, attempts: 0, problem: null, againInMs: 0 });
  return sender.failed(
    message,
    'chat.postMessage',
    answer,
    answer.kind === 'unavailable' ? { threadUncertain: true } : {},
  );
}

/** Only what the directory holds becomes a mention, and only where it has the form of a Slack user id. */
async function mentionOf(directory: Directory, requester: string): Promise<string | undefined> {
  const id = (await directory.find(requester))?.slackUserId;
  return id !== undefined && /^[UW][A-Z0-9]{1,30}$/.test(id) ? `<@${id}>` : undefined;
}

const mentionFor = (
  event: StoredEvent,
  requester: string,
  mention: string | undefined,
): string | undefined =>
  event.type === 'request.commented' && event.author.name !== requester ? mention : undefined;
