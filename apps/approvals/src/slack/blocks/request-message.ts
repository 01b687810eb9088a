import { codeSpan, inertCode } from './inert-text.js';
import { inertLine, statementPreview } from './statement-preview.js';
import {
  charactersOf,
  context,
  MAX_FALLBACK_TEXT,
  MAX_HEADER_TEXT,
  MAX_MESSAGE_CHARACTERS,
  plain,
  section,
  type Block,
  type Button,
} from './block.js';
import { signalLines } from './signal-lines.js';
import { statusLine } from './status-line.js';
import { isOpen, type MessageOptions, type ShownRequest } from './shown-request.js';

export interface RequestMessage {
  /** What notifications and screen readers get. */
  readonly text: string;
  readonly blocks: readonly Block[];
  /** The statement does not stand in the blocks exactly as it is: attach it. */
  readonly attach: boolean;
}

/** What a reviewer reads and clicks. Without buttons as soon as nothing is left to decide. */
export function requestMessage(request: ShownRequest, options: MessageOptions): RequestMessage {
  const { view } = request;
  const title = titleOf(request);
  const above: Block[] = [
    { type: 'header', text: plain([...title].slice(0, MAX_HEADER_TEXT).join('').slice(0, MAX_HEADER_TEXT)) },
    section(
      [
        `*Who* ${who(request)}`,
        `*Where* ${codeSpan(view.target, 100)} (${codeSpan(view.environment, 60)}, database ${codeSpan(view.database, 80)})`,
        `*Why it waits* rule ${codeSpan(view.rule, 80)}: ${codeSpan(view.reason, 400)}`,
      ].join('\n'),
    ),
  ];
  const below: Block[] = [
    context(
      `SHA-256 \`${inertCode(view.statement.sha256)}\` · ${view.statement.bytes.toLocaleString('en-US')} bytes · ${codeSpan(view.statement.kind, 60)}`,
    ),
    section(signalLines(request, options.showSql).join('\n')),
    section([...reviewersLines(request), statusLine(request, options.now)].join('\n')),
  ];
  if (isOpen(request)) below.push(actions(view));
  below.push(context(`Request \`${view.id}\` · \`countersign requests show ${view.id}\``));
  const room = MAX_MESSAGE_CHARACTERS - charactersOf([...above, ...below]);
  const preview = options.showSql ? statementPreview(request.statement, room) : undefined;
  const blocks = [
    ...above,
    ...(preview?.blocks ?? [hiddenStatement(`${options.link}/v1/requests/${view.id}`, view.id)]),
    ...below,
  ];
  return {
    text: inertLine(`${title}: ${statusWord(request)}`, Math.min(300, MAX_FALLBACK_TEXT)),
    blocks,
    attach: preview !== undefined && !preview.exact,
  };
}

/** What a second copy becomes, and what stands where a message cannot be shown at all: no buttons. */
export function noticeMessage(request: ShownRequest, why: string): RequestMessage {
  const { view } = request;
  return {
    text: inertLine(`${titleOf(request)}: ${statusWord(request)}`, 300),
    blocks: [
      section(
        `${why}\n*Who* ${who(request)} · *where* ${codeSpan(view.target, 100)} · *state* ${view.state}`,
      ),
      context(
        `Request \`${view.id}\` · SHA-256 \`${view.statement.sha256}\` · \`countersign requests show ${view.id}\``,
      ),
    ],
    attach: false,
  };
}

const titleOf = ({ view }: ShownRequest): string =>
  inertTitle(`${view.requester}: ${view.statement.kind} on ${view.target}`);

/** Plain text is not formatted; what hides or reorders is still written out. */
const inertTitle = (text: string): string => inertLine(text, MAX_HEADER_TEXT);

function who({ view }: ShownRequest): string {
  const behalf = view.onBehalfOf === undefined ? '' : ` on behalf of ${codeSpan(view.onBehalfOf, 130)}`;
  return `${codeSpan(view.requester, 130)} (${view.requesterKind})${behalf}`;
}

const statusWord = ({ view, outcome }: ShownRequest): string =>
  outcome === undefined ? view.state : `${view.state}, ${outcome}`;

const hiddenStatement = (link: string, id: string): Block =>
  section(
    `The statement is not shown in Slack. Read it before you decide: ${linkTo(link, 'the request')} or \`countersign requests show ${id}\``,
  );

const linkTo = (url: string, words: string): string =>
  /^https?:\/\/[^\s<>|]+$/.test(url) ? `<${url.replaceAll('&', '&amp;')}|${words}>` : words;

function reviewersLines({ view }: ShownRequest): string[] {
  const approvals = view.votes.filter(({ decision }) => decision === 'approve');
  const approved =
    approvals.length === 0
      ? ''
      : ` (${approvals
          .slice(0, 6)
          .map(({ voter }) => codeSpan(voter, 60))
          .join(', ')})`;
  const places = view.reviewers
    .slice(0, 6)
    .map(
      ({ group, count, or = [] }) =>
        `${count} of ${[group, ...or]
          .slice(0, 3)
          .map((each) => codeSpan(each, 50))
          .join(' or ')}`,
    )
    .join(' and ');
  return [
    `*Approvals* ${approvals.length} of ${view.needed ?? '?'}${approved}`,
    `*Why you* the rule asks ${view.escalatedTo === undefined ? '' : '(and, after waiting, others instead) '}${places === '' ? 'reviewers who are not known yet' : places}: whoever is in one of them now, but not the requester${view.onBehalfOf === undefined ? '' : ' nor the owner of the agent'}`,
  ];
}

/** A limit on rows is offered unless it is known that it would be refused. */
const actions = ({ id, signals }: ShownRequest['view']): Block => ({
  type: 'actions',
  block_id: 'countersign',
  elements: [
    button('approve', 'Approve', id, 'primary'),
    ...(signals?.rowCeiling === 'not-guaranteed' ? [] : [button('limit', 'Approve with limit', id)]),
    button('deny', 'Deny', id, 'danger'),
    button('ask', 'Ask', id),
    button('details', 'Details', id),
  ],
});

const button = (action: string, words: string, value: string, style?: Button['style']): Button => ({
  type: 'button',
  action_id: `countersign_${action}`,
  text: plain(words),
  value,
  ...(style === undefined ? {} : { style }),
});
