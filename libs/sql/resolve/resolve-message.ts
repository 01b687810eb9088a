import type { StatementAnalysis } from '../analysis.js';
import { rawStatements } from '../analyze-message.js';
import type { Relation, TemporaryRelation } from '../catalog/catalog.js';
import { asNode, fieldsOf, joinName, stringsOf, type Fields, type TypedNode } from '../syntax-tree.js';
import { explainRuns } from '../utility.js';
import { followWrites } from './effects.js';
import type { Ctes, NameSpace } from './engine.js';
import type { Models } from './models.js';
import { noteUses } from './personal-uses.js';
import { isProvenRead } from './proven-read.js';
import type { Resolution } from './resolution.js';
import { Resolving } from './resolving.js';
import { describe } from './describe.js';
import { traceOfRow, type Row } from './trace.js';

/** What the parser's thread is told of a session's context. */
export interface SessionNames {
  readonly searchPath: readonly string[];
  readonly temporary: readonly TemporaryRelation[];
}

const EMPTY: Ctes = new Map();

/**
 * The analyses of a message with what the catalog adds to each. Throws a RangeError where the statements
 * nest more deeply than the stack is high.
 */
export function resolveMessage(
  tree: unknown,
  analyses: readonly StatementAnalysis[],
  models: Models,
  session: SessionNames,
): readonly StatementAnalysis[] {
  const names = nameSpace(models, session);
  return rawStatements(tree, 0).map(({ node }, index) => {
    const analysis = analyses[index] as StatementAnalysis;
    return node === undefined ? analysis : resolveStatement(node, analysis, models, names);
  });
}

function nameSpace(models: Models, { searchPath, temporary }: SessionNames): NameSpace {
  const own = new Map(temporary.map((one) => [one.name, temporaryRelation(one)]));
  return {
    catalog: models.catalog,
    searchPath,
    temporary: (name) => own.get(name),
    temporaryByOid: (oid) => [...own.values()].find((one) => one.oid === oid),
    temporaryChild: (oid) => own.get(temporary.find(({ parents }) => parents?.includes(oid))?.name ?? ''),
  };
}

const temporaryRelation = ({ oid, name, kind, columns, beyond }: TemporaryRelation): Relation => ({
  beyond,
  oid,
  schema: 'pg_temp',
  name,
  kind,
  columns: columns.map((column, index) => ({ attnum: index + 1, name: column, type: 0, generated: null })),
  viewDefinition: null,
  isSystem: false,
});

function resolveStatement(
  node: TypedNode,
  analysis: StatementAnalysis,
  models: Models,
  names: NameSpace,
): StatementAnalysis {
  const resolving = new Resolving(names, models);
  const { findings } = resolving;
  const output = outputOf(node, resolving);
  findings.reads(traceOfRow(output));
  resolving.takeNames(analysis);
  if (analysis.kind === 'TRUNCATE')
    for (const relation of [...findings.written.values()])
      findings.writes.push({ relation, kind: 'truncate', columns: [] });
  const plansOnly = node.type === 'ExplainStmt' && !explainRuns(node.fields);
  const { cascades } = plansOnly
    ? { cascades: false }
    : followWrites(resolving, node.fields['behavior'] === 'DROP_CASCADE');
  resolving.closeReads();
  const uses = noteUses(resolving, output, analysis);
  const traits = new Set([...analysis.traits, ...findings.innerTraits, ...uses]);
  if (cascades) traits.add('cascade');
  if (hasWritingCte(analysis, node)) findings.uncounted.add('a writing WITH');
  const provenRead = isProvenRead(node, analysis, names, findings);
  const resolution: Resolution = { ...describe(resolving, output), provenRead };
  const incomplete = analysis.incomplete ?? findings.incomplete;
  return {
    ...analysis,
    reads: union(
      analysis.reads,
      relationNames(
        plansOnly ? [...findings.read.values(), ...findings.written.values()] : findings.read.values(),
        names,
      ),
    ),
    writes: plansOnly
      ? analysis.writes
      : union(analysis.writes, relationNames(findings.written.values(), names)),
    kinds: union(analysis.kinds, findings.innerKinds),
    functions: union(analysis.functions, findings.userFunctions),
    traits: [...traits],
    // What is reached by code or names that cannot be told may change anything.
    changesContext: analysis.changesContext || findings.incomplete !== undefined,
    ...(incomplete === undefined ? {} : { incomplete }),
    resolution,
  };
}

const union = (first: readonly string[], second: Iterable<string>): readonly string[] => [
  ...new Set([...first, ...second]),
];

/** schema.name, and the bare name too where the session's search_path leads to it: rules may use either. */
function* relationNames(relations: Iterable<Relation>, names: NameSpace): Generator<string> {
  for (const relation of relations) {
    yield joinName([relation.schema, relation.name]);
    if (!relation.isSystem && names.searchPath.includes(relation.schema)) yield joinName([relation.name]);
  }
}

const hasWritingCte = (analysis: StatementAnalysis, { fields, type }: TypedNode): boolean =>
  fields['withClause'] !== undefined &&
  analysis.kinds.some(
    (kind, index) => /^(INSERT|UPDATE|DELETE|MERGE)$/.test(kind) && (index > 0 || type === 'SelectStmt'),
  );

const QUERIES: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
]);

/** Resolves what a statement queries and gives the row of its result. */
function outputOf(node: TypedNode, resolving: Resolving): Row {
  const { type, fields } = node;
  const env = { level: undefined, ctes: EMPTY };
  if (QUERIES.has(type)) {
    const row = resolving.query(node, env);
    const into = fieldsOf(fields['intoClause']);
    if (into !== undefined) flowInto(resolving, row, into);
    return into === undefined ? row : { columns: [] };
  }
  const inner = asNode(fields['query']);
  switch (type) {
    case 'CopyStmt':
      return inner === undefined ? copied(fields, resolving) : resolving.query(inner, env);
    case 'CreateTableAsStmt':
    case 'ViewStmt': {
      if (inner === undefined || !QUERIES.has(inner.type)) return { columns: [] };
      const row = resolving.query(inner, env);
      resolving.findings.reads(traceOfRow(row));
      flowInto(resolving, row, fieldsOf(fields['into']) ?? { colNames: fields['aliases'] });
      return { columns: [] };
    }
    case 'ExplainStmt':
      if (inner !== undefined) resolving.findings.reads(traceOfRow(outputOf(inner, resolving)));
      return { columns: [] };
    case 'PrepareStmt':
    case 'DeclareCursorStmt':
      return inner === undefined ? { columns: [] } : outputOf(inner, resolving);
    default:
      return { columns: [] };
  }
}

/** COPY table (columns) TO. */
function copied(fields: Fields, resolving: Resolving): Row {
  const relation = resolving.lookUp(fieldsOf(fields['relation']) ?? {});
  if (relation === undefined) return { columns: [] };
  const row = resolving.relationRow(relation);
  const listed = stringsOf(fields['attlist']) ?? [];
  const columns = row.columns.filter(({ name }) => listed.length === 0 || listed.includes(name));
  if (fields['is_from'] === true) {
    resolving.findings.writes.push({ relation, kind: 'insert', columns: columns.map(({ name }) => name) });
    return { columns: [] };
  }
  return { columns };
}

function flowInto(resolving: Resolving, row: Row, into: Fields): void {
  const names = stringsOf(into['colNames']) ?? [];
  row.columns.forEach(({ name, trace }, index) => {
    resolving.findings.flows.push({ from: trace, column: names[index] ?? name, relation: undefined });
  });
  if (row.open !== undefined)
    resolving.findings.flows.push({ from: row.open, column: '', relation: undefined });
}
