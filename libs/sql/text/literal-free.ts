import { fieldsOf } from '../syntax-tree.js';
import type { Lexeme } from './lexemes.js';

export interface LiteralFree {
  /** Literals replaced by $1, $2 …, above the numbers the text has itself; no comments, white space folded. */
  readonly normalized: string;
  /** The same with literals that parse: every string the same, every number the same. */
  readonly skeleton: string;
}

/**
 * A text without its literals: strings, numbers, and the bare words that SET takes for values. `tree` is the
 * grammar's result for it and checks the lexemes: undefined where one of its constants is not where a
 * literal was found, so that none is ever left in.
 */
export function withoutLiterals(
  text: string,
  lexemes: readonly Lexeme[],
  tree: unknown,
): LiteralFree | undefined {
  const constants = new Constants();
  constants.walk(tree, false);
  const byteOffset = offsets(text, lexemes);
  let number = lexemes.reduce(
    (most, { kind, start, end }) =>
      kind === 'parameter' ? Math.max(most, Number(text.slice(start + 1, end))) : most,
    0,
  );
  const normalized: string[] = [];
  const skeleton: string[] = [];
  let spaced = false;
  for (const [index, { kind, start, end }] of lexemes.entries()) {
    if (kind === 'space' || kind === 'comment') {
      spaced = normalized.length > 0;
      continue;
    }
    const at = byteOffset(index);
    const isBareValue = constants.bare.has(at);
    const isLiteral = kind === 'string' || kind === 'number' || isBareValue;
    // A signed number stands where its sign does; EXTRACT's field and the like are words of the language.
    if (isLiteral || kind === 'word' || text[start] === '-' || text[start] === '+')
      constants.places.delete(at);
    // N'…' is a word and a string to the grammar.
    if (kind === 'string' && /n/i.test(text.charAt(start))) constants.places.delete(at + 1);
    if (spaced) {
      normalized.push(' ');
      skeleton.push(' ');
      spaced = false;
    }
    const piece = text.slice(start, end);
    normalized.push(isLiteral ? `$${++number}` : piece);
    skeleton.push(!isLiteral ? piece : kind === 'number' ? '1' : "'1'");
  }
  if (constants.places.size > 0) return undefined;
  return { normalized: normalized.join(''), skeleton: skeleton.join('') };
}

/** Where the tree has constants: UTF-8 byte offsets. */
class Constants {
  readonly places = new Set<number>();
  /** What SET is given: may be a bare word, and that is a literal too. */
  readonly bare = new Set<number>();

  walk(value: unknown, isSetting: boolean): void {
    if (Array.isArray(value)) {
      for (const item of value) this.walk(item, isSetting);
      return;
    }
    const fields = fieldsOf(value);
    if (fields === undefined) return;
    const location = Number(fields['location'] ?? 0);
    if (location >= 0) {
      const isString = fieldsOf(fields['sval']) !== undefined;
      if (isSetting && isString) this.bare.add(location);
      if (isString || ['ival', 'fval', 'bsval'].some((name) => fieldsOf(fields[name]) !== undefined))
        this.places.add(location);
    }
    const assigns = fields['kind'] === 'VAR_SET_VALUE';
    for (const name in fields) this.walk(fields[name], isSetting || (assigns && name === 'args'));
  }
}

/** UTF-8 offsets of lexemes, asked for in order. */
function offsets(text: string, lexemes: readonly Lexeme[]): (index: number) => number {
  if (Buffer.byteLength(text) === text.length) return (index) => lexemes[index]?.start ?? 0;
  let position = 0;
  let bytes = 0;
  return (index) => {
    const start = lexemes[index]?.start ?? position;
    bytes += Buffer.byteLength(text.slice(position, start));
    position = start;
    return bytes;
  };
}
