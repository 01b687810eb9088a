/**
 * Characters that a reader cannot see or that change the order of what is read: controls, format
 * characters (bidirectional overrides, zero-width, tags), line and paragraph separators, lone
 * surrogates, blanks that are not a space, fillers and variation selectors. Tab and newline are kept.
 */
const HIDDEN =
  /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

const marked = (character: string): string =>
  `⟨U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}⟩`;

/** The text with every hidden character written out as ⟨U+202E⟩; CR LF counts as a newline. */
export const visibleText = (text: string): string => text.replaceAll('\r\n', '\n').replace(HIDDEN, marked);

export const hasHiddenCharacters = (text: string): boolean =>
  visibleText(text) !== text.replaceAll('\r\n', '\n');

/** Slack's three control characters as it asks for them: no mention, link or command is left. */
export const escapeControl = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The character that stands for a backtick inside a code span or block, which a backtick would end. */
export const BACKTICK = 'ˋ';

/** Text that can stand in a code span or block and is nothing there but characters. */
export const inertCode = (text: string): string => escapeControl(visibleText(text).replaceAll('`', BACKTICK));

/**
 * Text of somebody else as one code span, cut (and said to be cut) so that the result has at most `max`
 * characters. Inside a span Slack formats nothing.
 */
export function codeSpan(text: string, max = 300): string {
  const line = visibleText(text)
    .replace(/\s*\n\s*/g, ' ⏎ ')
    .replaceAll('\t', ' ')
    .trim();
  return `\`${fitted(line === '' ? '(empty)' : line, max - 2)}\``;
}

/** As much of `text`, made inert, as fits `max` characters; whole characters and escapes only. */
function fitted(text: string, max: number): string {
  const whole = inertCode(text);
  return whole.length <= max ? whole : `${takeInert(text, max - 2).shown} …`;
}

export interface Taken {
  /** Inert, at most `max` characters. */
  readonly shown: string;
  /** How many characters (code points) of the text it stands for. */
  readonly characters: number;
  /** The same in UTF-16 units: where the rest begins. */
  readonly units: number;
}

/** The longest beginning of `text` whose inert form has at most `max` UTF-16 units, never cutting a character. */
export function takeInert(text: string, max: number): Taken {
  let shown = '';
  let characters = 0;
  let units = 0;
  while (units < text.length) {
    const character = String.fromCodePoint(text.codePointAt(units) as number);
    // CR LF is one newline wherever it is cut.
    const step = character === '\r' && text[units + 1] === '\n' ? '\r\n' : character;
    const inert = inertCode(step);
    if (shown.length + inert.length > max) break;
    shown += inert;
    units += step.length;
    characters += [...step].length;
  }
  return { shown, characters, units };
}
