import type { StatementAnalysis } from '../analysis.js';
import type { Relation, UserFunction } from '../catalog/catalog.js';
import { partsOfName } from '../name-parts.js';
import { textOf, type Fields, type TypedNode } from '../syntax-tree.js';
import type { Engine, Env, ModelSource, NameSpace } from './engine.js';
import { traceExpression } from './expressions.js';
import { Findings } from './findings.js';
import { fromItem } from './from-clause.js';
import type { Level } from './level.js';
import { traceQuery } from './query.js';
import { Trace, traceOfRow, type Row } from './trace.js';
import { compiledIsHarmless, isStoredTree } from './user-code.js';

/** One resolution under way: a statement, a view's definition, a function's body. */
export class Resolving implements Engine {
  readonly findings = new Findings();
  private readonly besides = new Set<number>();

  constructor(
    readonly names: NameSpace,
    private readonly models: ModelSource,
  ) {}

  expression(value: unknown, env: Env, into: Trace): void {
    traceExpression(this, value, env, into);
  }

  query(node: TypedNode, env: Env): Row {
    return traceQuery(this, node, env);
  }

  from(item: unknown, level: Level, env: Env): Row {
    return fromItem(this, item, level, env);
  }

  relationRow(relation: Relation): Row {
    this.readsThrough(relation);
    return relation.oid === 0 ? { columns: [] } : this.rowOf(relation);
  }

  call(parts: readonly string[], into: Trace): void {
    const { catalog, searchPath } = this.names;
    const name = parts.at(-1) ?? '';
    if (/^pg_temp/.test(parts.at(-2) ?? ''))
      this.findings.cannotTell(`${parts.join('.')} is a function of the session's own`);
    for (const one of catalog.userFunctions(parts, searchPath)) this.callFunction(one, into);
    if (TENDS_INDEXES.has(name))
      this.findings.cannotTell(`${name} works on a table that it finds by a value`);
    if (TELLS_OTHERS.has(name)) this.findings.innerTraits.add('reveals');
  }

  callFunction(one: UserFunction, into: Trace): void {
    this.callBeside(one);
    // What only computes from its arguments adds nothing to what they carry.
    if (compiledIsHarmless(one) === true) return;
    this.findings.userFunctions.add(`${one.schema}.${one.name}`);
    const { row, findings } = this.models.callable(one, this.names);
    this.findings.includes(findings);
    if (!isStoredTree(one.source)) this.noteHidden(findings, one);
    into.add(traceOfRow(row));
  }

  /** What a call runs beside the function: defaults of arguments left out, casts that its value may go through. */
  private callBeside(one: UserFunction): void {
    if (this.besides.has(one.oid)) return;
    this.besides.add(one.oid);
    const { code, castsFrom } = this.names.catalog;
    const defaults = (code.get(one.oid) ?? []).filter(({ what }) => what === 'argument');
    this.callByOid(
      defaults.map((each) => each.function),
      new Trace(),
    );
    this.callByOid(castsFrom.get(one.returnsType) ?? [], new Trace());
  }

  callByOid(oids: readonly number[], into: Trace): void {
    for (const oid of oids) {
      const one = this.names.catalog.functions.get(oid);
      if (one !== undefined) this.callFunction(one, into);
    }
  }

  lookUp(fields: Fields): Relation | undefined {
    const parts = [fields['schemaname'], fields['relname']].map(textOf).filter((part) => part !== undefined);
    return this.relation(parts);
  }

  /** The relation a name means, the session's temporary ones first. */
  relation(parts: readonly string[]): Relation | undefined {
    const { catalog, searchPath } = this.names;
    const schema = parts.at(-2);
    const name = parts.at(-1) ?? '';
    if (schema !== undefined && HIDDEN_SCHEMA.test(schema))
      this.findings.cannotTell(`${parts.join('.')} is not in the catalog`);
    if (schema === undefined && this.names.pathUnknown === true)
      this.findings.cannotTell(`${name} is found by a search_path that cannot be told`);
    if (schema === 'pg_temp') return this.names.temporary(name);
    if (schema !== undefined) return catalog.relation([schema, name], searchPath);
    for (const candidate of searchPath) {
      const found =
        candidate === 'pg_temp' ? this.names.temporary(name) : catalog.relation([candidate, name], []);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Takes in the relations and functions that the walk over the syntax tree has found by name. */
  takeNames(analysis: StatementAnalysis): void {
    const find = (name: string, into: Map<number, Relation>): void => {
      const relation = this.relation(partsOfName(name).slice(-2));
      if (relation === undefined) {
        // DDL names what it makes.
        if (into === this.findings.read || analysis.category === 'write') this.findings.missing.add(name);
        return;
      }
      into.set(relation.oid, relation);
      this.findings.named.add(relation.oid);
      this.readsThrough(relation);
    };
    for (const name of analysis.reads) find(name, this.findings.read);
    for (const name of analysis.writes) find(name, this.findings.written);
    for (const name of analysis.functions) this.call(partsOfName(name), new Trace());
  }

  /** Adds what comes with what is read or written: children, parents of partitions, policies. */
  closeReads(): void {
    const { catalog } = this.names;
    for (const set of [this.findings.read, this.findings.written]) {
      for (const [oid, relation] of set) {
        const own = this.names.temporaryChild(oid);
        if (own !== undefined)
          this.findings.cannotTell(`${own.name} is temporary and a part of ${relation.name}`);
        for (const child of catalog.withDescendants(relation))
          if (!catalog.partitions.has(child.oid)) set.set(child.oid, child);
        for (const parent of catalog.partitionParents.get(oid) ?? [])
          addTo(set, catalog.relations.get(parent));
        for (const read of catalog.policyReads.get(oid) ?? [])
          addTo(this.findings.read, catalog.relations.get(read));
        const code = (catalog.code.get(oid) ?? []).filter(({ what }) => what === 'policy' || what === 'cast');
        this.callByOid(
          code.map((one) => one.function),
          new Trace(),
        );
      }
    }
  }

  /** What a write to a view goes to: the relations that its definition itself names, views among them. */
  basesOf(view: Relation): readonly Relation[] {
    const { read, named } = this.models.view(view).findings;
    return [...read.values()].filter(({ oid }) => named.has(oid));
  }

  /** A relation by oid, the session's temporary ones included. */
  relationOf(oid: number): Relation | undefined {
    return this.names.catalog.relations.get(oid) ?? this.names.temporaryByOid(oid);
  }

  /** pg_temp comes first for a function's names too: what is meant by them is then the session's own. */
  private noteHidden({ read, written, missing, missingInside }: Findings, { name }: UserFunction): void {
    const used = [
      ...[...read.values(), ...written.values()].map((relation) => relation.name),
      ...[...missing, ...missingInside].map((each) => partsOfName(each).at(-1) ?? ''),
    ];
    const hidden = used.find((each) => this.names.temporary(each) !== undefined);
    if (hidden !== undefined) this.findings.cannotTell(`${name} may mean the temporary relation ${hidden}`);
  }

  private readsThrough(relation: Relation): void {
    if (relation.beyond !== undefined)
      this.findings.cannotTell(`${relation.name} is a temporary relation with ${relation.beyond}`);
    if (relation.kind === 'f')
      this.findings.cannotTell(`${relation.name} is a foreign table: what it reads is elsewhere`);
    if (relation.viewDefinition !== null) this.findings.includes(this.models.view(relation).findings);
  }

  private rowOf(relation: Relation): Row {
    if (relation.schema !== 'pg_temp') return this.models.row(relation);
    return {
      columns: relation.columns.map(({ attnum, name }) => {
        const trace = new Trace();
        trace.columns.add(`${relation.oid}.${attnum}`);
        return { name, trace };
      }),
    };
  }
}

/** Schemas whose relations the catalog leaves out. */
const HIDDEN_SCHEMA = /^(pg_toast|pg_temp_|pg_toast_temp_)/;

/** System functions that show what other sessions sent. */
const TELLS_OTHERS: ReadonlySet<string> = new Set([
  'pg_stat_get_activity',
  'pg_stat_get_backend_activity',
  'pg_stat_statements',
]);

/** System functions that read a table, or change an index of it, which their argument names. */
const TENDS_INDEXES: ReadonlySet<string> = new Set([
  'brin_desummarize_range',
  'brin_summarize_new_values',
  'brin_summarize_range',
  'gin_clean_pending_list',
]);

function addTo(map: Map<number, Relation>, relation: Relation | undefined): void {
  if (relation !== undefined) map.set(relation.oid, relation);
}
