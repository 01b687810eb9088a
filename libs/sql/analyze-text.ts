import type { AnalysisResult, StatementAnalysis } from './analysis.js';
import { analyzeMessage, statementCount } from './analyze-message.js';
import { findCredentials, mayHoldCredentials } from './credentials.js';
import type { Grammar } from './grammar.js';

/** Relations, functions and settings one message may name: what is recorded of it has room for these. */
const MAX_NAMES = 5_000;

const refused = (message: string): AnalysisResult => ({ ok: false, sqlstate: '54000', message });

/**
 * Parses and analyses one text, on the parser's own thread. Throws what the grammar throws when it
 * breaks, and a RangeError where a text nests too deeply; the grammar is of no use after either.
 */
export function analyzeText(grammar: Grammar, text: string, maxStatements: number): AnalysisResult {
  if (text === '') return { ok: true, analysis: { statements: [], credentials: [] } };
  const parsed = grammar.parse(text);
  if (!parsed.ok) {
    if (parsed.problem === 'too-large') return refused('the statement has too many parts');
    return { ok: false, sqlstate: '42601', message: parsed.message, position: parsed.position };
  }
  if (statementCount(parsed.tree) > maxStatements) {
    return refused(`more than ${maxStatements} statements in one message`);
  }
  const statements = analyzeMessage(parsed.tree, Buffer.byteLength(text));
  if (namesIn(statements) > MAX_NAMES) return refused(`more than ${MAX_NAMES} names in one message`);
  if (!mayHoldCredentials(text)) return { ok: true, analysis: { statements, credentials: [] } };
  const tokens = grammar.scan(text);
  if (tokens === undefined) return refused('the statement is too long to look for credentials');
  return { ok: true, analysis: { statements, credentials: findCredentials(parsed.tree, tokens) } };
}

const namesIn = (statements: readonly StatementAnalysis[]): number =>
  statements.reduce(
    (sum, { reads, writes, functions, settings }) =>
      sum + reads.length + writes.length + functions.length + settings.length,
    0,
  );
