import type { Policy, Verdict } from '#libs/policy/policy.js';
import type { MessageAnalysis, SqlAnalyzer, StatementAnalysis } from '#libs/sql/analysis.js';
import type { RecordedIntent } from './recorded-intents.js';

/** Refusals that no policy was asked about. */
const NOT_BY_POLICY: readonly string[] = ['unreadable', 'function-call'];

export type Again =
  | { readonly is: 'judged'; readonly verdict: Verdict }
  | {
      readonly is: 'left-out';
      readonly why: 'no policy was asked' | 'its text is not in the record' | 'its text cannot be read';
    };

/**
 * What a policy would have decided of a recorded intent. The statement is understood from its text; where
 * it stands alone, what was recorded of it (by the target's catalog then) counts over what the text alone
 * tells now. Whether a transaction was open is not in the record, and is taken as no.
 */
export async function judgeAgain(
  intent: RecordedIntent,
  policy: Policy,
  analyzer: SqlAnalyzer,
): Promise<Again> {
  const { event, text, applicationName, clientAddress } = intent;
  if (NOT_BY_POLICY.includes(event.verdict.rule)) return { is: 'left-out', why: 'no policy was asked' };
  if (text === undefined || event.identity === undefined)
    return { is: 'left-out', why: 'its text is not in the record' };
  const result = await analyzer.analyze(text);
  if (!result.ok) return { is: 'left-out', why: 'its text cannot be read' };
  const verdict = policy.judge({
    analysis: asRecorded(result.analysis, event.statement),
    identity: event.identity,
    target: event.target,
    session: { applicationName, clientAddress, insideTransaction: false },
    now: Date.parse(event.time),
  });
  return { is: 'judged', verdict };
}

type Recorded = RecordedIntent['event']['statement'];

function asRecorded(analysis: MessageAnalysis, recorded: Recorded): MessageAnalysis {
  const [only, second] = analysis.statements;
  if (only === undefined || second !== undefined) return doubted(analysis, recorded.incomplete);
  const { incomplete: _incomplete, ...rest } = only;
  const statement: StatementAnalysis = {
    ...rest,
    kind: recorded.kind,
    kinds: recorded.kinds,
    category: recorded.category,
    reads: recorded.reads ?? only.reads,
    writes: recorded.writes ?? only.writes,
    functions: [...new Set([...only.functions, ...(recorded.functions ?? [])])],
    bounded: recorded.bounded ?? only.bounded,
    ...(recorded.incomplete === undefined ? {} : { incomplete: recorded.incomplete }),
  };
  return { ...analysis, statements: [withTags(statement, recorded)] };
}

/** Of several statements it is not recorded which one could not be told. */
const doubted = (analysis: MessageAnalysis, incomplete: string | undefined): MessageAnalysis =>
  incomplete === undefined || analysis.statements.some((statement) => statement.incomplete !== undefined)
    ? analysis
    : { ...analysis, statements: analysis.statements.map((statement) => ({ ...statement, incomplete })) };

/** Facts that the analysis carries beside its declared ones. */
const withTags = (statement: StatementAnalysis, { tags, fingerprint }: Recorded): StatementAnalysis => ({
  ...statement,
  ...(tags === undefined ? {} : { tags }),
  ...(fingerprint === undefined ? {} : { fingerprint }),
});
