import type { AnalysisResult, StatementAnalysis } from './analysis.js';

/** The same result where names cannot be resolved: whatever names something is incomplete. */
export function unresolved(result: AnalysisResult, why: string): AnalysisResult {
  if (!result.ok) return result;
  const statements = result.analysis.statements.map((statement) =>
    statement.incomplete === undefined && namesSomething(statement)
      ? { ...statement, incomplete: why }
      : statement,
  );
  return { ok: true, analysis: { ...result.analysis, statements } };
}

const namesSomething = ({ reads, writes, functions }: StatementAnalysis): boolean =>
  reads.length + writes.length + functions.length > 0;
