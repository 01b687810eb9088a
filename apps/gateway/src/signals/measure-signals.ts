import type { BoundStatement } from '#libs/contracts/binding.js';
import { lockModes, type LockMode, type Signals } from '#libs/contracts/events/signals.js';
import type { StatementAnalysis } from '#libs/sql/analysis.js';
import { isExplained, whyNoEstimate } from '#libs/sql/signals/explain.js';
import { reversible } from '#libs/sql/signals/reversible.js';
import type { ControlQuery } from '../catalog/query-frames.js';
import type { Estimate, Estimator } from './estimator.js';

const MAX_LISTED = 200;
const MAX_ESTIMATED = 5;

export interface MeasuredStatement {
  readonly statements: readonly StatementAnalysis[];
  /** The exact bytes of the message. */
  readonly bytes: Buffer;
  readonly bound: BoundStatement;
  /** Why a ceiling on rows cannot be kept at all; undefined where it can. */
  readonly rowLimitProblem: string | undefined;
  readonly searchPath: string;
}

/** The signals of a statement that is about to be held. Never rejects; what cannot be measured says why. */
export async function measureSignals(
  of: MeasuredStatement,
  estimator: Estimator,
  locksHeld: Signals['locksHeld'],
  measuredAt: string,
): Promise<Signals> {
  const { statements } = of;
  const queries = queriesOf(of);
  const estimate: Estimate =
    typeof queries === 'string'
      ? { ok: false, why: queries }
      : await estimator.estimate(of.searchPath, queries);
  const tableRows = (await estimator.largest(sizedRelations(statements))) ?? null;
  const rows = estimate.ok ? estimate.rows : null;
  const ceiling = of.rowLimitProblem ?? uncounted(statements);
  return {
    measuredAt,
    estimatedRows: rows,
    tableRows,
    share: rows === null || tableRows === null || tableRows === 0 ? null : Math.min(1, rows / tableRows),
    ...(estimate.ok ? {} : { noEstimate: estimate.why.slice(0, 512) }),
    locks: locksOf(statements),
    locksHeld: locksHeld.slice(0, MAX_LISTED),
    reversible: reversible(statements),
    personalData: personalData(statements),
    rowCeiling: ceiling === undefined ? 'guaranteed' : 'not-guaranteed',
    ...(ceiling === undefined ? {} : { rowCeilingReason: ceiling.slice(0, 512) }),
  };
}

/** What is to be explained, or why nothing is. Transaction control has no rows. */
function queriesOf({ statements, bytes, bound }: MeasuredStatement): readonly ControlQuery[] | string {
  const asked = statements.filter((statement) => statement.transaction === undefined);
  const explained = asked.filter(isExplained);
  const why = asked.map(whyNoEstimate).find((reason) => reason !== undefined);
  if (why !== undefined) return why;
  if (explained.length === 0) return 'nothing in it has a plan';
  if (explained.length > MAX_ESTIMATED) return `more than ${MAX_ESTIMATED} statements`;
  return explained.map(({ start, end }) => ({
    text: bytes.toString('utf8', start, end),
    parameterTypes: bound.parameterTypes,
    formats: bound.parameterFormats,
    parameters: bound.parameters.map((value) => (value === null ? null : Buffer.from(value, 'base64'))),
  }));
}

/** The tables that are written, or read where none is. */
function sizedRelations(statements: readonly StatementAnalysis[]): readonly number[] {
  const touched = statements.flatMap(({ resolution }) => resolution?.relations ?? []);
  const written = touched.filter((relation) => relation.written && relation.named);
  const sized = written.length > 0 ? written : touched.filter((relation) => relation.read);
  return [...new Set(sized.map(({ oid }) => oid))].slice(0, MAX_LISTED);
}

function locksOf(statements: readonly StatementAnalysis[]): Signals['locks'] {
  const locks = new Map<string, LockMode>();
  const note = (relation: string, mode: LockMode): void => {
    const before = locks.get(relation);
    if (before === undefined || lockModes.indexOf(mode) > lockModes.indexOf(before))
      locks.set(relation.slice(0, 256), mode);
  };
  for (const { lock, resolution } of statements) {
    if (lock === undefined || resolution === undefined) continue;
    const writes = resolution.relations.some(({ written }) => written);
    for (const { name, read, written } of resolution.relations) {
      if (written || !writes) note(name, lock);
      else if (read) note(name, 'AccessShareLock');
    }
  }
  return [...locks].slice(0, MAX_LISTED).map(([relation, mode]) => ({ relation, mode }));
}

function personalData(statements: readonly StatementAnalysis[]): string[] | null {
  const found = new Set<string>();
  for (const { resolution, incomplete, reads, writes } of statements) {
    if (incomplete !== undefined || resolution?.personalData === null) return null;
    if (resolution === undefined && reads.length + writes.length > 0) return null;
    for (const column of resolution?.personalData ?? []) found.add(column.slice(0, 256));
  }
  return [...found].slice(0, MAX_LISTED);
}

const uncounted = (statements: readonly StatementAnalysis[]): string | undefined => {
  const reasons = new Set(statements.flatMap(({ resolution }) => resolution?.uncounted ?? []));
  if (reasons.size > 0) return `command tags do not count ${[...reasons].join(', ')}`;
  return statements.find(({ incomplete }) => incomplete !== undefined)?.incomplete;
};
