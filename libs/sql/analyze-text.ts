import type { AnalysisResult, StatementAnalysis } from './analysis.js';
import { analyzeMessage, statementCount } from './analyze-message.js';
import { findCredentials, mayHoldCredentials } from './credentials.js';
import type { Grammar } from './grammar.js';
import type { Models } from './resolve/models.js';
import type { Resolution } from './resolve/resolution.js';
import { resolveMessage, type SessionNames } from './resolve/resolve-message.js';
import { describeText } from './text/describe-text.js';
import { unresolved } from './unresolved.js';

/** Relations, functions and settings one message may name: what is recorded of it has room for these. */
const MAX_NAMES = 5_000;

/** The same of what a message reaches through views, code and cascades, columns counted. */
const MAX_REACHED = 50_000;

const refused = (message: string): AnalysisResult => ({ ok: false, sqlstate: '54000', message });

/** What a text is, and the tree it was told from; no tree where it is refused. */
export interface ParsedText {
  readonly result: AnalysisResult;
  readonly tree: unknown;
}

/**
 * Parses and analyses one text, on the parser's own thread. Throws what the grammar throws when it
 * breaks, and a RangeError where a text nests too deeply; the grammar is of no use after either.
 */
export function analyzeText(grammar: Grammar, text: string, maxStatements: number): ParsedText {
  if (text === '') return done({ ok: true, analysis: { statements: [], credentials: [] } });
  const parsed = grammar.parse(text);
  if (!parsed.ok) {
    if (parsed.problem === 'too-large') return done(refused('the statement has too many parts'));
    return done({ ok: false, sqlstate: '42601', message: parsed.message, position: parsed.position });
  }
  const { tree } = parsed;
  if (statementCount(tree) > maxStatements)
    return done(refused(`more than ${maxStatements} statements in one message`));
  const statements = analyzeMessage(tree, Buffer.byteLength(text));
  if (namesIn(statements) > MAX_NAMES) return done(refused(`more than ${MAX_NAMES} names in one message`));
  const described = describeText(grammar, text, tree);
  if (!mayHoldCredentials(text))
    return { result: { ok: true, analysis: { statements, credentials: [], ...described } }, tree };
  const tokens = grammar.scan(text);
  if (tokens === undefined) return done(refused('the statement is too long to look for credentials'));
  const credentials = findCredentials(tree, tokens);
  return { result: { ok: true, analysis: { statements, credentials, ...described } }, tree };
}

const done = (result: AnalysisResult): ParsedText => ({ result, tree: undefined });

/** The same result with names resolved. What reaches too much to be told of is incomplete. */
export function resolveText(
  { result, tree }: ParsedText,
  models: Models,
  session: SessionNames,
): AnalysisResult {
  if (!result.ok) return result;
  const { analysis } = result;
  const statements = resolveMessage(tree, analysis.statements, models, session);
  const reached = statements.reduce((sum, { resolution }) => sum + namesOf(resolution), namesIn(statements));
  if (reached > MAX_REACHED) return unresolved(result, `it reaches more than ${MAX_REACHED} names`);
  return { ok: true, analysis: { ...analysis, statements } };
}

const namesOf = (resolution: Resolution | undefined): number =>
  resolution === undefined
    ? 0
    : resolution.columnsRead.length +
      resolution.columnsWritten.length +
      (resolution.output ?? []).reduce((sum, { from }) => sum + 1 + from.length, 0);

const namesIn = (statements: readonly StatementAnalysis[]): number =>
  statements.reduce(
    (sum, { reads, writes, functions, settings }) =>
      sum + reads.length + writes.length + functions.length + settings.length,
    0,
  );
