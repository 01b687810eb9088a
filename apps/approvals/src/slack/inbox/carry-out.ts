import type { Identity } from '#libs/contracts/identity.js';
import { maySee } from '../../request/read/request-queries.js';
import { actorOf, viewerOf } from '../../request/read/viewer.js';
import { CastVoteCommand } from '../../request/write/cast-vote/cast-vote.command.js';
import { CommentOnRequestCommand } from '../../request/write/comment-on-request/comment-on-request.command.js';
import type { Executed } from '../../request/write/request-executor.js';
import { detailsMessage } from '../blocks/details-message.js';
import { dialog, type DialogKind } from '../blocks/dialogs.js';
import { inertCode } from '../blocks/inert-text.js';
import type { Block } from '../blocks/block.js';
import { loadShownRequest } from '../load-shown-request.js';
import { keepCode } from '../people/link-queries.js';
import type { WhoIsIt } from '../people/slack-people.js';
import type { Waiting } from './inbox-queries.js';
import type { CarryOutDependencies } from './carry-out-dependencies.js';
import { wouldBeRefused } from './would-be-refused.js';

export type CarriedOut =
  | { readonly kind: 'done'; readonly result: string }
  /** `text` goes to the person who clicked, and to nobody else. */
  | {
      readonly kind: 'tell';
      readonly result: string;
      readonly text: string;
      readonly blocks?: readonly Block[];
    }
  | { readonly kind: 'later'; readonly problem: string; readonly afterMs?: number };

/** Slack's trigger ids live 3 s; the call needs some of them. */
const TRIGGER_LIFE_MS = 2_700;

/**
 * Carries out what somebody did in Slack. May be repeated: votes and comments have the interaction's key
 * as the client's key, so that the second time changes nothing and gives the first answer.
 */
export async function carryOut(waiting: Waiting, with_: CarryOutDependencies): Promise<CarriedOut> {
  const { interaction } = waiting;
  const who = await with_.people.find(interaction.user, [interaction.team, interaction.userTeam]);
  if (who.kind === 'unavailable')
    return {
      kind: 'later',
      problem: who.problem,
      ...(who.retryAfterMs === undefined ? {} : { afterMs: who.retryAfterMs }),
    };
  if (who.kind === 'refused') return { kind: 'tell', result: 'refused: slack account', text: who.message };
  if (who.kind === 'unlinked') return linkFirst(who, waiting, with_);
  const { identity } = who;
  switch (interaction.kind) {
    case 'approve':
    case 'approve-limited':
      return vote(waiting, identity, 'approve', with_);
    case 'deny':
      return vote(waiting, identity, 'deny', with_);
    case 'ask':
    case 'reply':
      return comment(waiting, identity, with_);
    case 'open-limit':
      return openDialog('limit', waiting, identity, with_);
    case 'open-deny':
      return openDialog('deny', waiting, identity, with_);
    case 'open-ask':
      return openDialog('ask', waiting, identity, with_);
    case 'details':
      return details(waiting, identity, with_);
  }
}

async function linkFirst(
  who: Extract<WhoIsIt, { kind: 'unlinked' }>,
  { interaction }: Waiting,
  { pool, newLinkCode }: CarryOutDependencies,
): Promise<CarriedOut> {
  const code = newLinkCode();
  const { team, slackName } = who;
  await keepCode(pool, code, { team, slackUser: interaction.user, slackName: slackName.slice(0, 100) });
  return {
    kind: 'tell',
    result: 'refused: unlinked',
    text: `Your Slack account is not linked to a person of the directory, so nothing was decided. To link it, run this within 10 minutes, signed in as yourself, then click again:\n\`countersign slack link ${code} --slack-user ${interaction.user}\`\nNever run such a line for somebody else: whoever owns the Slack account would decide as you.`,
  };
}

async function vote(
  { key, requestId, interaction }: Waiting,
  voter: Identity,
  decision: 'approve' | 'deny',
  { execute }: CarryOutDependencies,
): Promise<CarriedOut> {
  const reason = decision === 'deny' ? interaction.text?.slice(0, 2_000) : undefined;
  const { maxRows } = interaction;
  const of = { requestId, voter, decision, reason, maxRows, channel: 'slack', key: clientKeyOf(key) };
  return afterwards(await execute(new CastVoteCommand(of)), decision);
}

async function comment(
  { key, requestId, interaction }: Waiting,
  author: Identity,
  { execute }: CarryOutDependencies,
): Promise<CarriedOut> {
  const text = interaction.text ?? '';
  const cut = text.length > 4_000 ? `${text.slice(0, 3_990)} …` : text;
  return afterwards(
    await execute(new CommentOnRequestCommand(requestId, author, cut, clientKeyOf(key))),
    'comment',
  );
}

const clientKeyOf = (key: string): string => `slack:${key}`;

function afterwards(executed: Executed, what: string): CarriedOut {
  if (executed.ok) return { kind: 'done', result: what };
  const { refusal } = executed;
  return {
    kind: 'tell',
    result: `refused: ${refusal.code}`,
    text:
      'message' in refusal
        ? inertCode(refusal.message)
        : 'This was sent to Countersign before, as something else.',
  };
}

/** What does the same on the command line. */
const COMMANDS: Readonly<Record<DialogKind, string>> = {
  deny: 'deny',
  ask: 'comment',
  limit: 'approve --max-rows …',
};

async function openDialog(
  kind: DialogKind,
  { requestId, interaction, ageMs }: Waiting,
  identity: Identity,
  with_: CarryOutDependencies,
): Promise<CarriedOut> {
  const again = `Press the button again, or use \`countersign requests ${COMMANDS[kind]} ${requestId}\`.`;
  const loaded = await loadShownRequest(with_.pool, requestId);
  if (loaded === undefined)
    return { kind: 'tell', result: 'refused: unknown-request', text: 'There is no such request.' };
  const refusal = await wouldBeRefused(kind, requestId, identity, with_);
  if (refusal !== undefined)
    return { kind: 'tell', result: `refused: ${refusal.code}`, text: inertCode(refusal.message) };
  if (interaction.triggerId === undefined || ageMs > TRIGGER_LIFE_MS)
    return {
      kind: 'tell',
      result: 'too late for a dialog',
      text: `The dialog could not be opened in time. ${again}`,
    };
  const { channel, messageTs } = interaction;
  const opened = await with_.web.call('views.open', {
    trigger_id: interaction.triggerId,
    view: dialog(kind, loaded.shown, { requestId, channel, messageTs }),
  });
  return opened.kind === 'ok'
    ? { kind: 'done', result: 'dialog' }
    : { kind: 'tell', result: 'no dialog', text: `If no dialog has opened: Slack did not take it. ${again}` };
}

async function details(
  { requestId }: Waiting,
  identity: Identity,
  { pool, directory, messageOptions }: CarryOutDependencies,
): Promise<CarriedOut> {
  const loaded = await loadShownRequest(pool, requestId);
  const viewer = viewerOf(await actorOf(directory, identity));
  if (loaded === undefined || !maySee(viewer, loaded.found.view))
    return { kind: 'tell', result: 'refused: not-yours', text: 'This request is not yours to see.' };
  return {
    kind: 'tell',
    result: 'details',
    text: `Details of request ${requestId}`,
    blocks: detailsMessage(loaded.shown, messageOptions()),
  };
}
