import type { Catalog, Relation, UserFunction } from '../catalog/catalog.js';
import { effectiveSearchPath } from '../catalog/search-path.js';
import type { StatementAnalysis } from '../analysis.js';
import { analyzeMessage, rawStatements } from '../analyze-message.js';
import type { Grammar } from '../grammar.js';
import { asType, listOf } from '../syntax-tree.js';
import type { Model, ModelSource, NameSpace } from './engine.js';
import { Findings } from './findings.js';
import { Level } from './level.js';
import { readTrigger, TRIGGER_VARIABLES } from './plpgsql-trigger.js';
import { Resolving } from './resolving.js';
import { Trace, traceOfRow, type Row } from './trace.js';
import { compiledIsHarmless, isStoredTree, sqlBody } from './user-code.js';

/** The server writes definitions for a search_path of pg_catalog: everything else in them is qualified. */
const STORED_PATH: readonly string[] = ['pg_catalog'];

/** Views and functions that stand on one another beyond this are not followed. */
const MAX_DEPTH = 64;

/** Views and functions of one catalog, each resolved once. Lives as long as its catalog in its thread. */
export class Models implements ModelSource {
  private readonly views = new Map<number, Model>();
  private readonly functions = new Map<string, Model>();
  private readonly rows = new Map<number, Row>();
  private readonly underway = new Set<string>();

  constructor(
    readonly catalog: Catalog,
    private readonly grammar: Grammar,
  ) {}

  view(relation: Relation): Model {
    const known = this.views.get(relation.oid);
    if (known !== undefined) return known;
    const made = this.once(`view ${relation.oid}`, relation.name, () => {
      const resolving = new Resolving(this.stored(), this);
      const row = this.body(relation.viewDefinition ?? '', resolving, new Set());
      return { row, findings: resolving.findings };
    });
    this.views.set(relation.oid, made);
    return made;
  }

  row(relation: Relation): Row {
    const known = this.rows.get(relation.oid);
    if (known !== undefined) return known;
    const made = this.makeRow(relation);
    this.rows.set(relation.oid, made);
    return made;
  }

  callable(one: UserFunction, names: NameSpace): Model {
    const path = searchPathOf(one, names);
    const key = `${one.oid} ${path?.join(',') ?? '?'}`;
    const known = this.functions.get(key);
    if (known !== undefined) return known;
    const made = this.once(`function ${one.oid}`, one.name, () => this.makeFunction(one, path));
    this.functions.set(key, made);
    return made;
  }

  private stored(searchPath = STORED_PATH): NameSpace {
    return {
      catalog: this.catalog,
      searchPath,
      temporary: () => undefined,
      temporaryByOid: () => undefined,
      temporaryChild: () => undefined,
    };
  }

  private makeRow(relation: Relation): Row {
    const inside = relation.viewDefinition === null ? undefined : this.view(relation).row;
    const columns = relation.columns.map((column, index) => {
      const trace = new Trace();
      trace.columns.add(`${relation.oid}.${column.attnum}`);
      const behind = inside?.columns[index]?.trace ?? inside?.open;
      if (behind !== undefined) trace.add(behind);
      if (relation.kind === 'f') trace.cannotTell(`${relation.name} is a foreign table`);
      return { name: column.name, trace };
    });
    relation.columns.forEach((column, index) => {
      if (column.generated === null) return;
      const level = new Level(undefined);
      level.entries.push({ alias: relation.name, row: { columns } });
      const resolving = new Resolving(this.stored(), this);
      const computed = new Trace();
      const [raw] = rawStatements(this.parse(`SELECT ${column.generated}`), 0);
      const targets = listOf(raw?.node?.fields['targetList']);
      for (const target of targets)
        resolving.expression(asType(target, 'ResTarget')?.['val'], { level, ctes: new Map() }, computed);
      columns[index]?.trace.add(computed);
    });
    return { columns };
  }

  private makeFunction(one: UserFunction, path: readonly string[] | undefined): Model {
    const compiled = compiledIsHarmless(one);
    if (compiled === true) return harmless();
    const name = `${one.schema}.${one.name}`;
    if (one.language === 'plpgsql' && one.returnsTrigger) return this.trigger(one, path);
    if (compiled === false || one.language !== 'sql') return unseen(`${name} is code that cannot be seen`);
    if (path === undefined) return unseen(`${name} runs under a search_path that cannot be told`);
    const resolving = new Resolving(this.stored(path), this);
    const parameters = new Set([...one.inputs, ...(one.outputs ?? []), one.name]);
    const row = this.body(sqlBody(one.source), resolving, parameters);
    return { row, findings: resolving.findings };
  }

  /** A trigger function in PL/pgSQL, where all it does can be told (plpgsql-trigger.ts). */
  private trigger(one: UserFunction, path: readonly string[] | undefined): Model {
    const body = readTrigger(this.grammar.trigger(one.source));
    if (body === undefined) return unseen(`${one.schema}.${one.name} is code that cannot be seen`);
    const resolving = new Resolving(one.ownPath === null ? this.anywhere() : this.stored(path ?? []), this);
    const { findings } = resolving;
    if (one.ownPath !== null && path === undefined)
      return unseen(`${one.schema}.${one.name} runs under a search_path that cannot be told`);
    for (const text of body.expressions) this.body(text, resolving, TRIGGER_VARIABLES);
    for (const text of body.statements) this.write(text, resolving);
    // Where the values of NEW go is not followed.
    findings.columnsUnknown ??= `${one.schema}.${one.name} is a trigger`;
    return { row: { columns: [] }, findings };
  }

  /** Every schema at once: what a name may lead to under any search_path. */
  private anywhere(): NameSpace {
    return { ...this.stored(this.catalog.schemaNames), pathUnknown: true };
  }

  /** A statement inside a trigger function: one that writes rows it bounds. */
  private write(text: string, resolving: Resolving): void {
    const tree = this.parse(text);
    const [raw, ...others] = rawStatements(tree, Buffer.byteLength(text));
    const [analysis] = analyzeMessage(tree, Buffer.byteLength(text));
    const { findings } = resolving;
    if (raw?.node === undefined || analysis === undefined || others.length > 0)
      return findings.cannotTell('a trigger runs what cannot be read');
    const plain = /^(INSERT|UPDATE|DELETE)$/.test(analysis.kind) && analysis.settings.length === 0;
    if (analysis.incomplete !== undefined || !plain || !analysis.bounded)
      return findings.cannotTell(analysis.incomplete ?? `a trigger runs ${analysis.kind} inside a function`);
    const env = { level: undefined, ctes: new Map(), parameters: TRIGGER_VARIABLES };
    findings.reads(traceOfRow(resolving.query(raw.node, env)));
    resolving.takeNames(analysis);
    for (const kind of analysis.kinds) findings.innerKinds.add(kind);
    for (const trait of analysis.traits) findings.innerTraits.add(trait);
    resolving.closeReads();
  }

  /** Resolves the statements of a body; the row is that of the last. All of them must only read. */
  private body(text: string, resolving: Resolving, parameters: ReadonlySet<string>): Row {
    const tree = this.parse(text);
    const raws = rawStatements(tree, Buffer.byteLength(text));
    const analyses = analyzeMessage(tree, Buffer.byteLength(text));
    let row: Row = { columns: [] };
    raws.forEach(({ node }, index) => {
      const analysis = analyses[index];
      if (node === undefined || analysis === undefined) return;
      const problem = whyNotPlain(analysis);
      if (problem !== undefined) return resolving.findings.cannotTell(problem);
      row = resolving.query(node, { level: undefined, ctes: new Map(), parameters });
      resolving.findings.reads(traceOfRow(row));
      resolving.takeNames(analysis);
      for (const trait of analysis.traits) resolving.findings.innerTraits.add(trait);
    });
    resolving.closeReads();
    return row;
  }

  private parse(text: string): unknown {
    const parsed = this.grammar.parse(text);
    return parsed.ok ? parsed.tree : undefined;
  }

  private once(key: string, name: string, make: () => Model): Model {
    if (this.underway.has(key)) return unseen(`${name} refers to itself`);
    if (this.underway.size >= MAX_DEPTH) return unseen(`${name} stands on too many others`);
    this.underway.add(key);
    try {
      return make();
    } finally {
      this.underway.delete(key);
    }
  }
}

function whyNotPlain(analysis: StatementAnalysis): string | undefined {
  if (analysis.incomplete !== undefined) return analysis.incomplete;
  if (analysis.category !== 'read' || analysis.settings.length > 0)
    return `it runs ${analysis.kind} inside a function`;
  return analysis.refersTo === undefined ? undefined : `it runs ${analysis.kind} inside a function`;
}

/**
 * A function's own search_path goes before the session's; a stored tree needs neither. One that a stored tree
 * calls runs under the session's as well, which what is stored does not know.
 */
function searchPathOf(one: UserFunction, names: NameSpace): readonly string[] | undefined {
  if (isStoredTree(one.source)) return STORED_PATH;
  if (one.ownPath === null)
    return names.pathUnknown === true || names.searchPath === STORED_PATH ? undefined : names.searchPath;
  const setting = one.ownPath.slice('search_path='.length);
  if (setting.includes('$user')) return undefined;
  return effectiveSearchPath(setting, '', () => true);
}

const harmless = (): Model => ({ row: { columns: [] }, findings: new Findings() });

function unseen(reason: string): Model {
  const findings = new Findings();
  findings.cannotTell(reason);
  const trace = new Trace();
  trace.cannotTell(reason);
  return { row: { columns: [], open: trace }, findings };
}
