import { hasHiddenCharacters, visibleText } from '../../request/read/visible-text.js';
import { escapeControl, takeInert } from './inert-text.js';
import { context, MAX_SECTION_TEXT, section, type Block } from './block.js';

/** The most of a statement that stands in a message, after escaping. */
const MAX_BUDGET = 8_000;
/** Notes and fences around it. */
const AROUND = 700;
/** What a long statement shows of its end: a tail nobody sees is where a surprise would stand. */
const TAIL_SHARE = 0.25;
const FENCE = '```';
const ROOM = MAX_SECTION_TEXT - 2 * FENCE.length - 2;

export interface StatementPreview {
  readonly blocks: readonly Block[];
  /** Whether every character of the statement stands in the blocks as it is. If not, it is attached whole. */
  readonly exact: boolean;
}

/**
 * A statement as code blocks: whole where it fits, else its beginning and its end with the number of
 * characters between them. What had to be written differently is said below it. `room` is what a
 * message has left for it, in characters.
 */
export function statementPreview(statement: string, room: number): StatementPreview {
  const budget = Math.max(500, Math.min(MAX_BUDGET, room - AROUND));
  const tailBudget = Math.min(ROOM, Math.floor(budget * TAIL_SHARE));
  const head = pieces(statement, budget);
  if (head.rest === '') {
    return { blocks: [...head.blocks, ...notes(statement, false)], exact: isPlain(statement) };
  }
  const shorter = pieces(statement, budget - tailBudget);
  const tail = tailOf(shorter.rest, tailBudget);
  const omitted = [...shorter.rest].length - tail.characters;
  return {
    blocks: [
      ...shorter.blocks,
      context(`… *${count(omitted)} characters are not shown here* …`),
      section(`${FENCE}${tail.shown}${FENCE}`),
      ...notes(statement, true),
    ],
    exact: false,
  };
}

const count = (number: number): string => number.toLocaleString('en-US');

function pieces(statement: string, budget: number): { blocks: Block[]; rest: string } {
  const blocks: Block[] = [];
  let rest = statement === '' ? ' ' : statement;
  let left = budget;
  while (rest !== '' && left > 0) {
    const taken = takeInert(rest, Math.min(ROOM, left));
    if (taken.units === 0) break;
    blocks.push(section(`${FENCE}${taken.shown}${FENCE}`));
    rest = rest.slice(taken.units);
    left -= taken.shown.length;
  }
  return { blocks, rest };
}

/** The longest end that fits. Characters are taken from the back, so the text is turned around twice. */
function tailOf(text: string, budget: number): { shown: string; characters: number } {
  const characters = [...text.slice(-budget)];
  // The cut may have halved a pair.
  if (/^[\udc00-\udfff]/.test(characters[0] ?? '')) characters.shift();
  while (characters.length > 0) {
    const end = characters.join('');
    const taken = takeInert(end, budget);
    if (taken.units === end.length) return { shown: taken.shown, characters: characters.length };
    characters.splice(0, Math.max(1, characters.length - taken.characters));
  }
  return { shown: '', characters: 0 };
}

const isPlain = (statement: string): boolean =>
  !hasHiddenCharacters(statement) && !statement.includes('`') && !statement.includes('\r');

function notes(statement: string, cut: boolean): Block[] {
  const notes: string[] = [];
  if (cut)
    notes.push(
      `The statement has ${count([...statement].length)} characters: its beginning and its end are shown, the whole of it is attached in the thread.`,
    );
  if (hasHiddenCharacters(statement))
    notes.push(
      ':warning: It contains characters that cannot be seen or that reorder text; they are shown as ⟨U+…⟩.',
    );
  if (statement.includes('`')) notes.push('Backticks are shown as ˋ.');
  if (/[^\p{ASCII}]/u.test(statement) && !hasHiddenCharacters(statement))
    notes.push('It contains letters outside ASCII: some look like others.');
  return notes.length === 0 ? [] : [context(notes.join(' '))];
}

/** Only for a fallback text: one line, inert in mrkdwn outside a code span as well. */
export const inertLine = (text: string, max: number): string => {
  const line = visibleText(text)
    .replace(/\s+/g, ' ')
    .replace(/[*_~`]/g, (character) => ({ '*': '∗', _: '＿', '~': '∼', '`': 'ˋ' })[character] as string)
    .trim();
  const characters = [...line];
  let fitted = escapeControl(line);
  while (fitted.length > max) {
    characters.splice(Math.max(0, characters.length - 1 - Math.floor((fitted.length - max) / 5)));
    fitted = `${escapeControl(characters.join(''))}…`;
  }
  return fitted;
};
