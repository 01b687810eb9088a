import type { RequestView } from '../request/read/request-view.js';
import { visibleText } from '../request/read/visible-text.js';
import type { Notification, NotifiedEvent } from './notifier.js';

/** A statement above so many characters is not shown at all: a beginning without its end misleads. */
export const MAX_SHOWN_STATEMENT = 10_000;
const MAX_SUBJECT = 150;

export interface MailOptions {
  /** False keeps statements, and the names in them, out of mail. */
  readonly showSql: boolean;
  /** Where people reach approvals, without a slash at its end. */
  readonly link: string;
}

/** The subject and text of a mail about a request: plain text, in which nothing of others can be more than text. */
export function mailText(
  { event, step }: Pick<Notification, 'event' | 'step'>,
  view: RequestView,
  options: MailOptions,
): { readonly subject: string; readonly text: string } {
  const what = `${line(view.requester)}: ${line(view.statement.kind)} on ${line(view.target)}`;
  const waits = event === 'request.waiting';
  const subject = `[Countersign] ${waits ? WAITING[view.notified?.[step - 1]?.step ?? 'asked'] : ENDED[event]}: ${what}`;
  const behalf = view.onBehalfOf === undefined ? '' : ` on behalf of ${line(view.onBehalfOf)}`;
  const facts = [
    `Who:      ${line(view.requester)} (${view.requesterKind})${behalf}`,
    `Where:    ${line(view.target)} (${line(view.environment)}, database ${line(view.database)})`,
    `Rule:     ${line(view.rule)}: ${line(view.reason)}`,
    `What:     ${line(view.statement.kind)}, ${view.statement.bytes.toLocaleString('en-US')} bytes, SHA-256 ${view.statement.sha256}`,
    `State:    ${view.state}, ${approvals(view)} of ${view.needed ?? '?'} approvals`,
    ...(waits ? [`Expires:  ${view.expiresAt}`] : endedBy(view)),
    ...(waits || view.endReason === undefined || !options.showSql
      ? []
      : [`Why:      ${line(view.endReason)}`]),
  ];
  const paragraphs = [
    waits ? INTRODUCTIONS[view.notified?.[step - 1]?.step ?? 'asked'] : `The request is ${view.state}.`,
    facts.join('\n'),
    ...(waits ? [statement(view, options.showSql), decide(view)] : []),
    `The request: ${options.link}/v1/requests/${view.id}`,
    'This mail decides nothing, and nobody reads answers to it.',
  ];
  return { subject: [...subject].slice(0, MAX_SUBJECT).join(''), text: `${paragraphs.join('\n\n')}\n` };
}

type Step = NonNullable<RequestView['notified']>[number]['step'];

const WAITING: Readonly<Record<Step, string>> = {
  asked: 'Approval needed',
  next: 'Approval needed, your turn',
  escalated: 'Approval needed, escalated',
  reminded: 'Reminder',
};

const INTRODUCTIONS: Readonly<Record<Step, string>> = {
  asked: 'A statement waits for your decision.',
  next: 'A statement waits for your decision: those before you have signed.',
  escalated: 'A statement waits for a decision: nobody decided in time, so you may sign as well.',
  reminded: 'A statement still waits for a decision.',
};

const ENDED: Readonly<Record<Exclude<NotifiedEvent, 'request.waiting'>, string>> = {
  'request.granted': 'Approved',
  'request.refused': 'Denied',
  'request.expired': 'Expired',
  'request.cancelled': 'Cancelled',
  'request.revoked': 'Revoked',
  'request.consumed': 'Released',
};

const endedBy = ({ decidedBy = [], revokedBy }: RequestView): string[] => {
  const people = revokedBy === undefined ? decidedBy : [revokedBy];
  return people.length === 0 ? [] : [`By:       ${people.map(line).join(', ')}`];
};

const approvals = ({ votes }: RequestView): number =>
  votes.filter(({ decision }) => decision === 'approve').length;

const decide = ({ id }: RequestView): string =>
  [
    'Read it and decide it with the countersign command, signed in as yourself:',
    '',
    `    countersign requests show ${id}`,
    `    countersign requests approve ${id}`,
    `    countersign requests deny ${id} --reason '...'`,
  ].join('\n');

function statement({ statement: { text } }: RequestView, showSql: boolean): string {
  if (!showSql) return 'The statement is not shown in mail. Read it before you decide.';
  if (text === undefined || text.length > MAX_SHOWN_STATEMENT)
    return 'The statement is too long for a mail; nothing of it is shown here. Read it before you decide.';
  // Indented: no line of it can pass for one of ours.
  return `The statement:\n\n${visibleText(text).replace(/^/gm, '    ')}`;
}

/** Text of others as one line; what hides or reorders is written out. */
const line = (text: string): string => visibleText(text).replace(/\s+/g, ' ').trim().slice(0, 400);
