import { visibleText } from '../../request/read/visible-text.js';

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
