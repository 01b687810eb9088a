import { isSecret } from '../credentials.js';
import type { Lexeme } from './lexemes.js';

const MAX_COMMENT = 4_096;
const MAX_PAIRS = 20;
const MAX_VALUE = 256;

const PAIR = /(?:^|,)\s*([^\s=,']{1,256})\s*=\s*'((?:[^'\\]|\\[\s\S])*)'\s*(?=,|$)/g;
const KEY = /^[A-Za-z][\w.:-]{0,63}$/;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/**
 * sqlcommenter's key='value' pairs in the block comments before the first and after the last word of a
 * text: what the client claims. At most 20; keys up to 64 characters, values 256, both URL-decoded.
 * Malformed pairs, those out of bounds and those that look like secrets are left out; the first of a key
 * counts. Undefined where there are none.
 */
export function tagsOf(
  text: string,
  lexemes: readonly Lexeme[],
): Readonly<Record<string, string>> | undefined {
  const tags = new Map<string, string>();
  for (const { start, end } of outerComments(text, lexemes)) {
    if (end - start > MAX_COMMENT) continue;
    for (const [, name = '', quoted = ''] of text.slice(start + 2, end - 2).matchAll(PAIR)) {
      const key = decoded(name);
      const value = decoded(quoted.replace(/\\([\s\S])/g, '$1'));
      if (key === undefined || value === undefined || !KEY.test(key)) continue;
      if (value.length > MAX_VALUE || CONTROL.test(value) || isSecret(key, value)) continue;
      if (!tags.has(key) && tags.size < MAX_PAIRS) tags.set(key, value);
    }
  }
  return tags.size === 0 ? undefined : Object.fromEntries(tags);
}

function outerComments(text: string, lexemes: readonly Lexeme[]): readonly Lexeme[] {
  const isContent = ({ kind, start }: Lexeme): boolean =>
    kind !== 'space' && kind !== 'comment' && text[start] !== ';';
  const first = lexemes.findIndex(isContent);
  const last = lexemes.findLastIndex(isContent);
  return lexemes.filter(
    ({ kind, start }, index) =>
      kind === 'comment' && text.startsWith('/*', start) && (index < first || index > last),
  );
}

/** Undefined where it is not URL-encoded text. */
function decoded(text: string): string | undefined {
  try {
    const value = decodeURIComponent(text);
    return value.isWellFormed() ? value : undefined;
  } catch {
    return undefined;
  }
}
