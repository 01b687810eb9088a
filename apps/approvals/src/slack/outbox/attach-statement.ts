import { z } from 'zod';
import type { LoadedRequest } from '../load-shown-request.js';
import type { SlackAnswer } from '../slack-web.js';
import type { MessageSteps, PostedMessage } from './message-steps.js';
import { takePost } from './rate-limits.js';

const uploadSchema = z.object({ upload_url: z.url(), file_id: z.string() });

/**
 * Attaches the whole statement, byte for byte as reviewers would read it, to the message's thread. An
 * answer that is lost may lead to a second file: harmless. Where Slack refuses, the thread says where to
 * read the statement instead.
 */
export async function attachStatement(
  message: PostedMessage,
  { shown }: LoadedRequest,
  sender: MessageSteps,
): Promise<void> {
  const wait = await takePost(sender.pool, message.channel);
  if (wait > 0) return sender.note(message, { againInMs: wait });
  const bytes = Buffer.from(shown.statement, 'utf8');
  const { id } = shown.view;
  const answer = await upload(message, bytes, `statement-${id}.sql`, sender);
  if (answer.kind === 'ok')
    return sender.note(message, { file: 'attached', attempts: 0, problem: null, againInMs: 0 });
  if (answer.kind !== 'refused') return sender.failed(message, 'files.getUploadURLExternal', answer);
  sender.report(message, 'files.completeUploadExternal', answer.error);
  const told = await sender.web.call('chat.postMessage', {
    channel: message.channel,
    thread_ts: message.ts,
    text: `The whole statement could not be attached. Read it before you decide: \`countersign requests show ${id}\``,
  });
  if (told.kind === 'ok' || told.kind === 'refused')
    return sender.note(message, { file: 'failed', attempts: 0, problem: answer.error, againInMs: 0 });
  return sender.failed(message, 'chat.postMessage', told);
}

async function upload(
  message: PostedMessage,
  bytes: Buffer,
  name: string,
  { web }: MessageSteps,
): Promise<SlackAnswer> {
  const place = await web.call('files.getUploadURLExternal', { filename: name, length: bytes.length });
  if (place.kind !== 'ok') return place;
  const read = uploadSchema.safeParse(place.data);
  if (!read.success)
    return { kind: 'refused', error: 'files.getUploadURLExternal: an answer that cannot be read' };
  try {
    const response = await fetch(read.data.upload_url, {
      method: 'POST',
      body: new Uint8Array(bytes),
      headers: { 'content-type': 'application/octet-stream' },
      redirect: 'error',
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) return { kind: 'unavailable', problem: `upload: HTTP ${response.status}` };
  } catch (error) {
    return { kind: 'unavailable', problem: error instanceof Error ? error.message : String(error) };
  }
  return web.call('files.completeUploadExternal', {
    files: [{ id: read.data.file_id, title: name }],
    channel_id: message.channel,
    thread_ts: message.ts,
    initial_comment: 'The whole statement, as it would be sent.',
  });
}
