import type { MessageAnalysis, StatementAnalysis } from '#libs/sql/analysis.js';
import { resolveReference } from '#libs/sql/resolve-reference.js';
import type { KnownText } from './known-text.js';
import type { Portal, Prepared } from './prepared.js';
import type { Found } from './session-names.js';

export interface NamesInScope {
  statement(name: string): Found<Prepared>;
  portal(name: string): Found<Portal>;
  /** What a text that a name stands for means in the session now. */
  meaning(known: KnownText): MessageAnalysis;
}

export type Resolved =
  | { readonly ok: true; readonly analysis: MessageAnalysis; readonly standsFor: readonly KnownText[] }
  /** A name is not settled until the server has answered what is under way. */
  | { readonly ok: false };

/**
 * What a message means in its session: EXECUTE and FETCH are judged as what they run, by the text they
 * stand for. A name nobody is known to have made leaves the analysis incomplete, and policy decides.
 */
export function resolveReferences(analysis: MessageAnalysis, scope: NamesInScope): Resolved {
  const standsFor: KnownText[] = [];
  const statements: StatementAnalysis[] = [];
  const madeHere = new Map<string, StatementAnalysis>();
  for (const statement of analysis.statements) {
    const refers = statement.refersTo;
    if (refers === undefined || (refers.action !== 'execute' && refers.action !== 'fetch')) {
      statements.push(statement);
      if (
        refers !== undefined &&
        refers.name !== null &&
        (refers.action === 'prepare' || refers.action === 'declare')
      )
        madeHere.set(`${refers.action} ${refers.name}`, statement);
      continue;
    }
    const name = refers.name ?? '';
    const earlier = madeHere.get(`${refers.action === 'execute' ? 'prepare' : 'declare'} ${name}`);
    if (earlier !== undefined) {
      statements.push(resolveReference(statement, earlier));
      continue;
    }
    const found = refers.action === 'execute' ? scope.statement(name) : scope.portal(name);
    if (found.is === 'uncertain') return { ok: false };
    if (found.is === 'unknown') {
      statements.push(resolveReference(statement, undefined));
      continue;
    }
    const { known } = 'prepared' in found.value ? found.value.prepared : found.value;
    standsFor.push(known);
    statements.push(resolveReference(statement, madeBy(scope.meaning(known), name)));
  }
  return { ok: true, analysis: { ...analysis, statements }, standsFor };
}

/** The statement of a message that made the name; over the wire the text has only the one. */
const madeBy = (analysis: MessageAnalysis, name: string): StatementAnalysis | undefined =>
  analysis.statements.findLast(
    (one) =>
      (one.refersTo?.action === 'prepare' || one.refersTo?.action === 'declare') &&
      one.refersTo.name === name,
  ) ?? (analysis.statements.length === 1 ? analysis.statements[0] : undefined);
