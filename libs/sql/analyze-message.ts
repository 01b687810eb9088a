import type { StatementAnalysis } from './analysis.js';
import { Collector } from './collector.js';
import { lockModeOf } from './signals/lock-mode.js';
import { statementKind } from './statement-kind.js';
import { asNode, fieldsOf, listOf, textOf, type Fields, type TypedNode } from './syntax-tree.js';
import { explainRuns } from './utility.js';
import { Walker } from './walk.js';

/** One statement of the grammar's result and where it stands, in UTF-8 bytes. */
export interface RawStatement {
  readonly node: TypedNode | undefined;
  readonly start: number;
  readonly end: number;
}

/**
 * The analysis of what the grammar made of a message. `bytes` is the length of its text in UTF-8.
 * Throws a RangeError when the statements nest more deeply than the stack is high.
 */
export function analyzeMessage(parsed: unknown, bytes: number): readonly StatementAnalysis[] {
  let context: string | undefined;
  let references: string | undefined;
  const analyses: StatementAnalysis[] = [];
  for (const statement of rawStatements(parsed, bytes)) {
    const alone = analyzeStatement(statement);
    const reason =
      alone.incomplete ??
      (dependsOnContext(alone) ? context : undefined) ??
      (runsByName(alone) ? references : undefined);
    analyses.push(reason === undefined ? alone : { ...alone, incomplete: reason });
    if (alone.changesContext) {
      context ??= `${alone.kind} earlier in the same message may change what it means`;
    }
    if ((alone.refersTo !== undefined && !runsByName(alone)) || alone.kind === 'DISCARD') {
      references ??= `${alone.kind} earlier in the same message may change what its name stands for`;
    }
  }
  return analyses;
}

export const statementCount = (parsed: unknown): number => listOf(fieldsOf(parsed)?.['stmts']).length;

export function rawStatements(parsed: unknown, bytes: number): readonly RawStatement[] {
  return listOf(fieldsOf(parsed)?.['stmts']).map((entry) => {
    const raw = fieldsOf(entry) ?? {};
    const start = Number(raw['stmt_location'] ?? 0);
    const length = Number(raw['stmt_len'] ?? 0);
    return { node: asNode(raw['stmt']), start, end: length === 0 ? bytes : start + length };
  });
}

/** Transaction control, SET and the like name nothing that an earlier statement could have redirected. */
function dependsOnContext({ category, functions }: StatementAnalysis): boolean {
  return category !== 'transaction' && (category !== 'session' || functions.length > 0);
}

const runsByName = ({ refersTo }: StatementAnalysis): boolean =>
  refersTo?.action === 'execute' || refersTo?.action === 'fetch';

function analyzeStatement({ node, start, end }: RawStatement): StatementAnalysis {
  const found = new Collector();
  const kind = node === undefined ? undefined : statementKind(node);
  if (node === undefined || kind === undefined) {
    found.cannotTell(`the analysis does not know ${node?.type ?? 'this statement'}`);
    found.contains('UNKNOWN', 'code');
  } else {
    found.contains(kind.kind, kind.category);
  }
  if (node?.type === 'ExplainStmt' && !explainRuns(node.fields)) notePlanned(node, found);
  else if (node !== undefined) new Walker(found).statement(node);
  // DDL changes what names mean, and code that is not seen may change anything.
  const changesContext = found.changesContext || found.category === 'ddl' || found.category === 'code';
  const kinds = [...found.kinds];
  return {
    kind: kinds[0] ?? 'UNKNOWN',
    kinds,
    category: found.category,
    reads: [...found.reads],
    writes: [...found.writes],
    functions: [...found.functions],
    settings: [...found.settings],
    traits: [...found.traits],
    bounded: found.bounded,
    changesContext: changesContext && node?.type !== 'FetchStmt',
    start,
    end,
    ...(found.incomplete === undefined ? {} : { incomplete: found.incomplete }),
    ...lockOf(node),
    ...transactionOf(node),
    ...referenceOf(node),
  };
}

function lockOf(node: TypedNode | undefined): Pick<StatementAnalysis, 'lock'> {
  const mode = node === undefined ? undefined : lockModeOf(node);
  return mode === undefined ? {} : { lock: mode };
}

/** EXPLAIN without ANALYZE runs nothing: what it explains is looked at, and planning may call functions. */
function notePlanned(explain: TypedNode, found: Collector): void {
  const planned = new Collector();
  new Walker(planned).statement(explain);
  for (const name of [...planned.reads, ...planned.writes]) found.reads.add(name);
  for (const name of planned.functions) found.functions.add(name);
  for (const trait of planned.traits) if (trait !== 'row-lock') found.traits.add(trait);
  if (planned.incomplete !== undefined) found.cannotTell(planned.incomplete);
  if (asNode(explain.fields['query'])?.type === 'ExecuteStmt') found.contains('EXECUTE', 'code');
}

const TRANSACTIONS: Readonly<Record<string, NonNullable<StatementAnalysis['transaction']>>> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_SAVEPOINT: 'savepoint',
  TRANS_STMT_RELEASE: 'release',
  TRANS_STMT_ROLLBACK_TO: 'rollback-to',
  TRANS_STMT_PREPARE: 'prepare',
};

function transactionOf(node: TypedNode | undefined): Pick<StatementAnalysis, 'transaction'> {
  if (node?.type !== 'TransactionStmt') return {};
  const transaction = TRANSACTIONS[String(node.fields['kind'])];
  return transaction === undefined ? {} : { transaction };
}

type Reference = NonNullable<StatementAnalysis['refersTo']>;

const REFERENCES: Readonly<Record<string, readonly [Reference['action'], string]>> = {
  PrepareStmt: ['prepare', 'name'],
  ExecuteStmt: ['execute', 'name'],
  DeallocateStmt: ['deallocate', 'name'],
  DeclareCursorStmt: ['declare', 'portalname'],
  FetchStmt: ['fetch', 'portalname'],
  ClosePortalStmt: ['close', 'portalname'],
};

/** The name a statement makes, runs or drops; EXPLAIN and CREATE TABLE AS may run a prepared one too. */
function referenceOf(node: TypedNode | undefined): Pick<StatementAnalysis, 'refersTo'> {
  if (node === undefined) return {};
  const reference = REFERENCES[node.type];
  if (reference !== undefined) return { refersTo: named(reference, node.fields) };
  if (node.type !== 'ExplainStmt' && node.type !== 'CreateTableAsStmt') return {};
  return referenceOf(asNode(node.fields['query']));
}

const named = ([action, field]: readonly [Reference['action'], string], fields: Fields): Reference => ({
  action,
  name: textOf(fields[field]) ?? null,
});
