import type { Verdict } from '#libs/policy/policy.js';
import type { RecordedStatement } from './known-text.js';
import type { RecordedParameter } from './recorded-parameters.js';

type Redacting = Pick<Verdict, 'redact'>;

export const hidesLiterals = (verdict: Redacting): boolean => verdict.redact?.includes('literals') === true;

/**
 * What is recorded of a text whose literals the record must not hold: its normal form, or none. Tags stand
 * in the text as literals do, and what a client writes there is its own affair, so they go too.
 */
export function redactStatement(statement: RecordedStatement, verdict: Redacting): RecordedStatement {
  if (!hidesLiterals(verdict)) return statement;
  const { text: _text, tags: _tags, ...rest } = statement;
  return {
    ...rest,
    ...(statement.normalized === undefined ? {} : { text: statement.normalized }),
    redacted: ['literals'],
  };
}

/** Types and lengths stay; a digest would not hide a short value. */
export function redactParameters(
  parameters: readonly RecordedParameter[],
  verdict: Redacting,
): readonly RecordedParameter[] {
  if (verdict.redact?.includes('parameters') !== true) return parameters;
  return parameters.map(({ type, format, bytes }) => ({ type, format, bytes }));
}
