import { oneLine, table, withoutControls } from '../output/table.js';
import { coloured, type Colour, type Terminal } from '../terminal.js';
import { isApproved, type RequestDocument } from './request-document.js';
import { signalRows } from './signal-rows.js';

export function requestTable(terminal: Terminal, requests: readonly RequestDocument[]): string {
  if (requests.length === 0) return 'No requests.';
  const rows = requests.map((request) => [
    request.id,
    request.state,
    request.requester,
    request.target,
    request.rule,
    votesOf(request),
    oneLine(request.statement.text, 60),
  ]);
  const text = table(['ID', 'STATE', 'REQUESTER', 'TARGET', 'RULE', 'VOTES', 'STATEMENT'], rows);
  const [header = '', ...lines] = text.split('\n');
  return [coloured(terminal.out, 'bold', header), ...lines].join('\n');
}

const votesOf = (request: RequestDocument): string =>
  `${request.votes.filter(({ decision }) => decision === 'approve').length}/${request.needed ?? '?'}`;

export function requestText(terminal: Terminal, request: RequestDocument): string {
  const lines: [string, string | undefined][] = [
    ['id', request.id],
    ['state', coloured(terminal.out, colourOf(request.state), request.state)],
    ['outcome', request.outcome],
    ['requester', request.requester],
    ['target', request.target],
    ['rule', request.rule],
    ['approvals', `${votesOf(request)} needed`],
    ['risk', request.risk === undefined ? undefined : `${request.risk.level} (${request.risk.score})`],
    ...signalRows(request.signals),
    ['max rows', request.maxRows?.toString()],
    ['asked', request.createdAt],
    ['expires', request.expiresAt],
    ['why', request.endReason],
    ['instead', approvable(request)],
    ['sha256', request.statement.sha256],
  ];
  const votes = request.votes.map(
    ({ voter, decision, reason }) =>
      `  ${voter}: ${decision}${reason === undefined ? '' : ` (${oneLine(reason, 200)})`}`,
  );
  return [
    ...lines.flatMap(([name, value]) =>
      value === undefined ? [] : [`${name.padEnd(10)} ${name === 'state' ? value : oneLine(value, 300)}`],
    ),
    ...(votes.length === 0 ? [] : ['votes', ...votes]),
    'statement',
    ...withoutControls(request.statement.text)
      .split('\n')
      .map((line) => `  ${line}`),
  ].join('\n');
}

/** What could be approved instead of what was refused. */
function approvable({ refusal }: RequestDocument): string | undefined {
  const could = refusal?.approvable;
  if (could === undefined) return undefined;
  const parts = [
    ...(could.bounded === true ? ['a WHERE that bounds the rows'] : []),
    ...(could.maxRows === undefined ? [] : [`at most ${could.maxRows} rows`]),
  ];
  return parts.join(' and ');
}

/** One line: what a command that changed a request leaves behind. */
export const requestLine = (terminal: Terminal, request: RequestDocument): string =>
  `${request.id} ${coloured(terminal.out, colourOf(request.state), request.state)} ${votesOf(request)} ${oneLine(request.statement.text, 80)}`;

const colourOf = (state: string): Colour =>
  state === 'pending' ? 'yellow' : isApproved(state) ? 'green' : 'red';
