import type { MessageAnalysis } from '../analysis.js';
import type { Grammar } from '../grammar.js';
import { lexemesOf } from './lexemes.js';
import { withoutLiterals } from './literal-free.js';
import { tagsOf } from './tags.js';

/** Longer texts are generated: a fingerprint of one would cost more than it tells. */
const MAX_TEXT = 32_768;
const MAX_NORMALIZED = 8_192;

/**
 * What a text that parses is known by beside its names. The fingerprint is made of the text without its
 * literals, since the grammar's own counts some of them (passwords, comments on objects) as part of the
 * statement.
 */
export function describeText(
  grammar: Grammar,
  text: string,
  tree: unknown,
): Pick<MessageAnalysis, 'fingerprint' | 'normalized' | 'tags'> {
  if (text.length > MAX_TEXT) return {};
  const lexemes = lexemesOf(text);
  if (lexemes === undefined) return {};
  const tags = tagsOf(text, lexemes);
  const free = withoutLiterals(text, lexemes, tree);
  const fingerprint = free === undefined ? undefined : grammar.fingerprint(free.skeleton);
  const normalized = free !== undefined && free.normalized.length <= MAX_NORMALIZED ? free.normalized : '';
  return {
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(normalized === '' ? {} : { normalized }),
    ...(tags === undefined ? {} : { tags }),
  };
}
