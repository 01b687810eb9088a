import { z } from 'zod';
import { isUuid } from '#libs/kernel/uuid.js';
import { ASK_DIALOG, DENY_DIALOG, INPUT_ACTION, INPUT_BLOCK, LIMIT_DIALOG } from '../blocks/dialogs.js';

const id = z.string().regex(/^[A-Z0-9]{1,40}$/);
const ts = z.string().regex(/^[0-9]{1,16}\.[0-9]{1,10}$/);

/** Far above it a limit is none. */
const MAX_ROWS = 9_999_999_999;

/** What somebody did in Slack, as it is stored: only what is needed to carry it out. */
export const interactionSchema = z.object({
  kind: z.enum([
    'approve',
    'open-limit',
    'open-deny',
    'open-ask',
    'details',
    'approve-limited',
    'deny',
    'ask',
    'reply',
  ]),
  /** Absent for a reply until its thread is looked up. */
  requestId: z.uuid().optional(),
  /** The workspace the interaction came from, and the one the person is said to be of. */
  team: id.optional(),
  userTeam: id.optional(),
  user: id,
  channel: id,
  /** The message clicked, or whose thread was answered. */
  messageTs: ts,
  triggerId: z.string().max(200).optional(),
  responseUrl: z.url().max(1_000).optional(),
  /** The reason, the question or the reply. */
  text: z.string().max(40_000).optional(),
  /** With `approve-limited`. */
  maxRows: z.int().min(0).max(MAX_ROWS).optional(),
});
export type Interaction = z.output<typeof interactionSchema>;

export type ReadInteraction =
  | { readonly kind: 'interaction'; readonly key: string; readonly interaction: Interaction }
  /** A dialog that cannot be taken as it is; the person is told so in the dialog. */
  | { readonly kind: 'incomplete'; readonly problem: string }
  | { readonly kind: 'ignored' };

const IGNORED: ReadInteraction = { kind: 'ignored' };

const KIND_OF_ACTION: Readonly<Record<string, Interaction['kind']>> = {
  countersign_approve: 'approve',
  countersign_limit: 'open-limit',
  countersign_deny: 'open-deny',
  countersign_ask: 'open-ask',
  countersign_details: 'details',
};

/**
 * Reads what Slack delivered. `key` is the same for every delivery of one click, dialog or message, so
 * that it takes effect once. What is not ours, or not of the form Slack documents, is ignored.
 */
export function readInteraction(body: unknown): ReadInteraction {
  const type = (body as { type?: unknown } | null)?.type;
  if (type === 'block_actions') return readClick(body);
  if (type === 'view_submission') return readSubmission(body);
  if (type === 'event_callback') return readReply(body);
  return IGNORED;
}

const user = z.object({ id, team_id: id.optional() });

const clickSchema = z.object({
  user,
  team: z.object({ id }).nullish(),
  trigger_id: z.string().optional(),
  response_url: z.string().optional(),
  channel: z.object({ id }),
  message: z.object({ ts }),
  actions: z
    .array(
      z.object({
        action_id: z.string(),
        action_ts: z.string().max(40).optional(),
        value: z.string().optional(),
      }),
    )
    .min(1),
});

function readClick(body: unknown): ReadInteraction {
  const read = clickSchema.safeParse(body);
  const action = read.data?.actions[0];
  const kind = KIND_OF_ACTION[action?.action_id ?? ''];
  if (!read.success || kind === undefined || action?.value === undefined || !isUuid(action.value))
    return IGNORED;
  const { user, team, channel, message, trigger_id: triggerId, response_url: responseUrl } = read.data;
  // A trigger is made for one click; action_ts has been seen to be equal for two clicks of a second.
  const key = [
    'click',
    channel.id,
    message.ts,
    user.id,
    action.action_id,
    action.action_ts ?? triggerId ?? '',
  ].join('/');
  return interaction(key, {
    kind,
    requestId: action.value,
    team: team?.id,
    userTeam: user.team_id,
    user: user.id,
    channel: channel.id,
    messageTs: message.ts,
    triggerId,
    responseUrl,
  });
}

const submissionSchema = z.object({
  user,
  team: z.object({ id }).nullish(),
  view: z.object({
    id: z.string().min(1).max(100),
    callback_id: z.string(),
    private_metadata: z.string().max(3_000),
    state: z.object({
      values: z.record(z.string(), z.record(z.string(), z.object({ value: z.string().nullish() }))),
    }),
  }),
});
const originSchema = z.object({ requestId: z.uuid(), channel: id, messageTs: ts });

function readSubmission(body: unknown): ReadInteraction {
  const read = submissionSchema.safeParse(body);
  if (!read.success) return IGNORED;
  const { user, team, view } = read.data;
  const kind = ({ [DENY_DIALOG]: 'deny', [ASK_DIALOG]: 'ask', [LIMIT_DIALOG]: 'approve-limited' } as const)[
    view.callback_id
  ];
  const origin = originSchema.safeParse(parsed(view.private_metadata));
  if (kind === undefined || !origin.success) return IGNORED;
  const text = (view.state.values[INPUT_BLOCK]?.[INPUT_ACTION]?.value ?? '').trim();
  if (kind === 'approve-limited' && !/^[0-9]{1,10}$/.test(text))
    return { kind: 'incomplete', problem: 'A whole number of rows, in digits only.' };
  if (text === '')
    return {
      kind: 'incomplete',
      problem: kind === 'deny' ? 'A denial needs a reason.' : 'Write the question.',
    };
  if (text.length > 3_000) return { kind: 'incomplete', problem: 'At most 3,000 characters.' };
  return interaction(`dialog/${view.id}/${user.id}`, {
    kind,
    ...origin.data,
    team: team?.id,
    userTeam: user.team_id,
    user: user.id,
    ...(kind === 'approve-limited' ? { maxRows: Number(text) } : { text }),
  });
}

const replySchema = z.object({
  event_id: z.string().min(1).max(100),
  team_id: id.optional(),
  event: z.object({
    type: z.literal('message'),
    subtype: z.enum(['thread_broadcast', 'file_share']).optional(),
    bot_id: z.undefined().optional(),
    user: id,
    user_team: id.optional(),
    team: id.optional(),
    channel: id,
    ts,
    thread_ts: ts,
    text: z.string().min(1),
  }),
});

function readReply(body: unknown): ReadInteraction {
  const read = replySchema.safeParse(body);
  if (!read.success || read.data.event.ts === read.data.event.thread_ts) return IGNORED;
  const { event, team_id: team } = read.data;
  return interaction(`reply/${event.channel}/${event.ts}`, {
    kind: 'reply',
    team,
    userTeam: event.user_team ?? event.team,
    user: event.user,
    channel: event.channel,
    messageTs: event.thread_ts,
    text: unescaped(event.text),
  });
}

function interaction(key: string, fields: Record<string, unknown>): ReadInteraction {
  const given = Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== ''),
  );
  const read = interactionSchema.safeParse(given);
  return read.success ? { kind: 'interaction', key, interaction: read.data } : IGNORED;
}

/** Slack escapes three characters in the text of messages. */
const unescaped = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
