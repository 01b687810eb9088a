import { oneLine, table, withoutControls } from '../../output/table.js';
import { coloured, type Colour, type Terminal } from '../../terminal.js';
import type { ChangeDocument } from './change-document.js';

export function changeTable(terminal: Terminal, changes: readonly ChangeDocument[]): string {
  if (changes.length === 0) return 'No changes of policy.';
  const rows = changes.map((change) => [
    change.id,
    change.state,
    String(change.version),
    oneLine(change.author, 40),
    signaturesOf(change),
    oneLine(change.reason, 60),
  ]);
  const text = table(['ID', 'STATE', 'VERSION', 'AUTHOR', 'SIGNED', 'REASON'], rows);
  const [header = '', ...lines] = text.split('\n');
  return [coloured(terminal.out, 'bold', header), ...lines].join('\n');
}

/** One change with the lines that a signature is for. */
export function changeText(terminal: Terminal, change: ChangeDocument): string {
  const lines: [string, string | undefined][] = [
    ['id', change.id],
    ['state', change.state],
    ['author', change.authorVerified ? change.author : `${change.author} (as the file says)`],
    ['reason', change.reason],
    ['version', String(change.version)],
    ['signed', `${signaturesOf(change)} needed: ${change.reviewers.map(placeOf).join(', ')}`],
    ['rules', rulesOf(change)],
    ['settings', change.diff?.settings.join(', ')],
    ['proposed', change.proposedAt],
    ['expires', change.expiresAt],
    ['why', change.endReason],
    ['sha256', change.hash],
    ['replaces', change.previousHash],
  ];
  const votes = change.votes.map(
    ({ voter, decision, reason }) =>
      `  ${oneLine(voter, 128)}: ${decision}${reason === undefined ? '' : ` (${oneLine(reason, 200)})`}`,
  );
  const diff = withoutControls(change.diff?.lines ?? '').split('\n');
  return [
    ...lines.flatMap(([name, value]) =>
      value === undefined || value === ''
        ? []
        : [
            `${name.padEnd(9)} ${name === 'state' ? coloured(terminal.out, colourOf(value), value) : oneLine(value, 400)}`,
          ],
    ),
    ...(votes.length === 0 ? [] : ['votes', ...votes]),
    ...(change.diff?.lines === undefined ? [] : ['changes', ...diff.map((line) => `  ${line}`)]),
  ].join('\n');
}

/** One line: what a command that changed it leaves behind. */
export const changeLine = (terminal: Terminal, change: ChangeDocument): string =>
  `${change.id} ${coloured(terminal.out, colourOf(change.state), change.state)} ${signaturesOf(change)} version ${change.version} by ${oneLine(change.author, 80)}`;

const signaturesOf = ({ votes, needed }: ChangeDocument): string =>
  `${votes.filter(({ decision }) => decision === 'approve').length}/${needed}`;

const placeOf = ({ group, count, or = [] }: ChangeDocument['reviewers'][number]): string =>
  `${count} of ${[group, ...or].join(' or ')}`;

function rulesOf({ diff }: ChangeDocument): string | undefined {
  if (diff === undefined) return undefined;
  const signed = (sign: string, ids: readonly string[]): string[] => ids.map((id) => `${sign}${id}`);
  return [...signed('+', diff.added), ...signed('-', diff.removed), ...signed('~', diff.changed)].join(' ');
}

const colourOf = (state: string): Colour =>
  state === 'pending' ? 'yellow' : state === 'accepted' ? 'green' : 'red';
