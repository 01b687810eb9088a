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
