import { randomBytes } from 'node:crypto';
import { blocksProblem, viewProblem } from './block-limits.js';
import type { EmulatedMessage, Json, Workspace } from './workspace.js';

export interface WebApiContext {
  readonly workspace: Workspace;
  /** The emulator's own address, without a slash at the end. */
  readonly url: string;
  readonly now: number;
  readonly socketUrl: () => string;
}

type Method = (args: Json, context: WebApiContext) => Json;

const error = (name: string, detail?: string): Json => ({
  ok: false,
  error: name,
  ...(detail === undefined ? {} : { response_metadata: { messages: [`[ERROR] ${detail}`] } }),
});

/** A channel the bot is a member of, or Slack's error. */
function channelProblem(channel: string, workspace: Workspace): Json | undefined {
  const known = workspace.channels.get(channel);
  if (known === undefined) return error('channel_not_found');
  return known.member ? undefined : error('not_in_channel');
}

function contentProblem(args: Json, maxText: number): Json | undefined {
  if (typeof args.text !== 'string' && args.blocks === undefined) return error('no_text');
  if ((args.text ?? '').length > maxText) return error('msg_too_long');
  const problem = args.blocks === undefined ? undefined : blocksProblem(args.blocks, 'message');
  return problem === undefined ? undefined : error(...problem);
}

const METHODS: Readonly<Record<string, Method>> = {
  'auth.test': (_args, { workspace }) => ({
    ok: true,
    team: 'Sample',
    team_id: workspace.team,
    user: 'countersign',
    user_id: 'U0BOT',
    bot_id: 'B0BOT',
  }),
  'users.info': ({ user }, { workspace }) => {
    const found = workspace.users.get(user);
    return found === undefined ? error('user_not_found') : { ok: true, user: found };
  },
  'conversations.info': ({ channel }, { workspace }) => {
    const known = workspace.channels.get(channel);
    return known === undefined
      ? error('channel_not_found')
      : {
          ok: true,
          channel: { id: channel, name: channel.toLowerCase(), is_member: known.member, is_archived: false },
        };
  },
  'chat.postMessage': (args, { workspace, now }) => {
    const problem = channelProblem(args.channel, workspace) ?? contentProblem(args, 40_000);
    if (problem !== undefined) return problem;
    if (args.thread_ts !== undefined && workspace.find(args.channel, args.thread_ts) === undefined)
      return error('thread_not_found');
    const message: EmulatedMessage = {
      channel: args.channel,
      ts: workspace.nextTs(now),
      threadTs: args.thread_ts,
      text: args.text ?? '',
      blocks: args.blocks ?? [],
      metadata: args.metadata,
      edits: 0,
    };
    workspace.messages.push(message);
    return { ok: true, channel: message.channel, ts: message.ts, message: shown(message) };
  },
  'chat.update': (args, { workspace }) => {
    const problem = channelProblem(args.channel, workspace) ?? contentProblem(args, 4_000);
    if (problem !== undefined) return problem;
    const message = workspace.find(args.channel, args.ts);
    if (message === undefined) return error('message_not_found');
    message.text = args.text ?? message.text;
    // Text without blocks removes the blocks.
    message.blocks = args.blocks ?? [];
    message.metadata = args.metadata ?? message.metadata;
    message.edits += 1;
    return { ok: true, channel: message.channel, ts: message.ts, text: message.text };
  },
  'chat.postEphemeral': (args, { workspace, now }) => {
    const problem = channelProblem(args.channel, workspace) ?? contentProblem(args, 40_000);
    if (problem !== undefined) return problem;
    if (!workspace.users.has(args.user)) return error('user_not_in_channel');
    workspace.ephemerals.push({
      channel: args.channel,
      user: args.user,
      text: args.text,
      blocks: args.blocks ?? [],
    });
    return { ok: true, message_ts: workspace.nextTs(now) };
  },
  'views.open': (args, { workspace, now }) => {
    const trigger = workspace.triggers.get(args.trigger_id);
    if (trigger === undefined) return error('invalid_trigger_id');
    if (trigger.used) return error('exchanged_trigger_id');
    if (now > trigger.until) return error('expired_trigger_id');
    const problem = viewProblem(args.view);
    if (problem !== undefined) return error(...problem);
    trigger.used = true;
    const id = `V${randomBytes(6).toString('hex').toUpperCase()}`;
    workspace.views.push({ id, user: trigger.user, view: args.view });
    return { ok: true, view: { id, ...args.view } };
  },
  'conversations.history': (args, { workspace }) =>
    channelProblem(args.channel, workspace) ?? page(workspace.inChannel(args.channel), args),
  'conversations.replies': (args, { workspace }) => {
    const parent = workspace.find(args.channel, args.ts);
    return parent === undefined
      ? error('thread_not_found')
      : page([parent, ...workspace.thread(args.channel, args.ts)], args);
  },
  'files.getUploadURLExternal': ({ filename, length }, { workspace, url }) => {
    const size = Number(length);
    if (typeof filename !== 'string' || !Number.isInteger(size) || size < 1)
      return error('invalid_arguments');
    const id = `F${randomBytes(6).toString('hex').toUpperCase()}`;
    workspace.files.set(id, { id, name: filename, length: size, content: undefined });
    return { ok: true, upload_url: `${url}/upload/${id}`, file_id: id };
  },
  'files.completeUploadExternal': (args, { workspace }) => {
    const problem = channelProblem(args.channel_id, workspace);
    if (problem !== undefined) return problem;
    for (const { id } of args.files) {
      const file = workspace.files.get(id);
      if (file?.content === undefined) return error('file_not_found');
      file.shared = { channel: args.channel_id, threadTs: args.thread_ts };
    }
    return { ok: true, files: args.files };
  },
  'apps.connections.open': (_args, { socketUrl }) => ({ ok: true, url: socketUrl() }),
};

/** Carries out one call of the Web API. */
export function callMethod(method: string, args: Json, context: WebApiContext): Json {
  return METHODS[method]?.(args, context) ?? error('unknown_method');
}

function page(messages: readonly EmulatedMessage[], args: Json): Json {
  const limit = Math.min(999, Number(args.limit ?? 100));
  const oldest = Number(args.oldest ?? 0);
  const start = Number(args.cursor ?? 0);
  const all = messages.filter(({ ts }) => Number(ts) >= oldest).reverse();
  const next = start + limit < all.length ? String(start + limit) : '';
  return {
    ok: true,
    messages: all.slice(start, start + limit).map((message) => ({
      ...shown(message),
      ...(args.include_all_metadata === true || args.include_all_metadata === 'true'
        ? { metadata: message.metadata }
        : {}),
    })),
    has_more: next !== '',
    response_metadata: { next_cursor: next },
  };
}

export const shown = (message: EmulatedMessage): Json => ({
  type: 'message',
  user: 'U0BOT',
  bot_id: 'B0BOT',
  ts: message.ts,
  text: message.text,
  blocks: message.blocks,
  ...(message.threadTs === undefined ? {} : { thread_ts: message.threadTs }),
});
