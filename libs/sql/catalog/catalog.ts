import type { CatalogRows, FunctionRow } from './catalog-rows.js';

export interface Column {
  readonly attnum: number;
  readonly name: string;
  readonly type: number;
  /** The expression of a generated column. */
  readonly generated: string | null;
}

export interface Relation {
  readonly oid: number;
  /** `pg_temp` for the session's own temporary ones. */
  readonly schema: string;
  readonly name: string;
  /** pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign, S sequence. */
  readonly kind: string;
  readonly columns: readonly Column[];
  readonly viewDefinition: string | null;
  readonly isSystem: boolean;
  /** Of a temporary one: what it has beyond columns. */
  readonly beyond?: string | undefined;
}

export interface UserFunction {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly language: string;
  readonly volatility: string;
  readonly kind: string;
  readonly extension: string | null;
  readonly returnsRelation: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[] | null;
  readonly source: string;
  readonly ownPath: string | null;
  readonly returnsType: number;
  readonly returnsTrigger: boolean;
}

/** A temporary relation of a session. */
export interface TemporaryRelation {
  readonly oid: number;
  readonly name: string;
  /** relkind */
  readonly kind: string;
  /** In order. */
  readonly columns: readonly string[];
  /** What it has beyond columns, such as triggers: nobody outside its session sees what that runs. */
  readonly beyond?: string | undefined;
  /** What it inherits from: read or written with that. */
  readonly parents?: readonly number[];
}

/** The oid of the type `trigger`. */
const TRIGGER_TYPE = 2279;

const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema']);

/** What a catalog says, by name and by oid. Made in a parser thread; never changed. */
export class Catalog {
  readonly relations = new Map<number, Relation>();
  private readonly byName = new Map<string, Relation>();
  private readonly functionsByName = new Map<string, UserFunction[]>();
  readonly functions = new Map<number, UserFunction>();
  /** Output columns of the system's own functions by name; null: one value. */
  readonly systemFunctions: ReadonlyMap<string, readonly string[] | null>;
  private readonly operatorsByName = new Map<string, { schema: string; function: number }[]>();
  private readonly typesByName = new Map<string, readonly number[]>();
  private readonly castsByType = new Map<number, number[]>();
  /** By the type that they take. */
  readonly castsFrom = new Map<number, number[]>();
  readonly children = new Map<number, number[]>();
  readonly partitionParents = new Map<number, number[]>();
  readonly partitions = new Set<number>();
  readonly triggers = new Map<number, { readonly function: number; readonly type: number }[]>();
  readonly rules = new Map<number, string[]>();
  readonly referencedBy = new Map<
    number,
    { relation: number; onDelete: string; onUpdate: string; columns: readonly number[] }[]
  >();
  readonly code = new Map<number, { readonly function: number; readonly what: string }[]>();
  readonly policyReads = new Map<number, number[]>();
  readonly rowSecurity: ReadonlySet<number>;
  /** Every schema but those of sessions. */
  readonly schemaNames: readonly string[];
  private readonly rowTypeColumns = new Map<number, readonly string[]>();

  constructor(readonly rows: CatalogRows) {
    const schemas = new Map(rows.schemas.map(([oid, name]) => [oid, name]));
    this.schemaNames = [...schemas.values()];
    const columns = new Map(rows.columns);
    const columnsOf = (oid: number): Column[] =>
      (columns.get(oid) ?? []).map(([attnum, name, type, generated]) => ({ attnum, name, type, generated }));
    for (const [oid, schemaOid, name, kind, , viewDefinition] of rows.relations) {
      const schema = schemas.get(schemaOid) ?? '';
      const isSystem = SYSTEM_SCHEMAS.has(schema);
      const relation = { oid, schema, name, kind, columns: columnsOf(oid), viewDefinition, isSystem };
      this.relations.set(oid, relation);
      this.byName.set(keyOf(schema, name), relation);
    }
    for (const [, , , , relation] of rows.types) {
      if (relation !== 0)
        this.rowTypeColumns.set(
          relation,
          columnsOf(relation).map((column) => column.name),
        );
    }
    for (const row of rows.functions) this.addFunction(row, schemas.get(row[1]) ?? '');
    this.systemFunctions = new Map(rows.systemFunctions);
    for (const [schemaOid, name, functionOid] of rows.operators)
      push(this.operatorsByName, name, { schema: schemas.get(schemaOid) ?? '', function: functionOid });
    for (const [source, target, functionOid] of rows.casts) {
      push(this.castsFrom, source, functionOid);
      push(this.castsByType, source, functionOid);
      push(this.castsByType, target, functionOid);
    }
    for (const [oid, , name, , , constraints] of rows.types) {
      const before = this.typesByName.get(name) ?? [];
      this.typesByName.set(name, [...before, ...constraints, ...(this.castsByType.get(oid) ?? [])]);
    }
    for (const [child, parent, isPartition] of rows.inherits) {
      push(this.children, parent, child);
      if (!isPartition) continue;
      this.partitions.add(child);
      push(this.partitionParents, child, parent);
    }
    for (const [relation, functionOid, type] of rows.triggers)
      push(this.triggers, relation, { function: functionOid, type });
    for (const [relation, event] of rows.rules) push(this.rules, relation, event);
    for (const [relation, referenced, onDelete, onUpdate, keyed] of rows.foreignKeys)
      push(this.referencedBy, referenced, { relation, onDelete, onUpdate, columns: keyed });
    for (const [relation, functionOid, what] of rows.code)
      push(this.code, relation, { function: functionOid, what });
    for (const [relation, read] of rows.policyReads) push(this.policyReads, relation, read);
    this.rowSecurity = new Set(rows.rowSecurity);
  }

  /** The relation that a name means; `path` is where an unqualified one is looked for, in order. */
  relation(parts: readonly string[], path: readonly string[]): Relation | undefined {
    const name = parts.at(-1) ?? '';
    const schema = parts.at(-2);
    if (schema !== undefined) return this.byName.get(keyOf(schema, name));
    for (const candidate of path) {
      const found = this.byName.get(keyOf(candidate, name));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Every function of the users' that a call by this name may reach, whatever its arguments. */
  userFunctions(parts: readonly string[], path: readonly string[]): readonly UserFunction[] {
    const named = this.functionsByName.get(parts.at(-1) ?? '');
    if (named === undefined) return [];
    const schema = parts.at(-2);
    return named.filter((one) => (schema === undefined ? path.includes(one.schema) : one.schema === schema));
  }

  /** Functions behind the operators that a name may mean and that are not the system's own. */
  operatorFunctions(parts: readonly string[], path: readonly string[]): readonly number[] {
    const named = this.operatorsByName.get(parts.at(-1) ?? '');
    if (named === undefined) return [];
    const schema = parts.at(-2);
    return named
      .filter((one) => (schema === undefined ? path.includes(one.schema) : one.schema === schema))
      .map((one) => one.function);
  }

  /** Functions that a value of a type of this name runs: constraints of domains, casts. */
  typeFunctions(name: string): readonly number[] {
    return this.typesByName.get(name) ?? [];
  }

  /** Columns of what a function returns, where that is a row type. */
  rowColumns(relation: number): readonly string[] | undefined {
    return (
      this.relations.get(relation)?.columns.map((column) => column.name) ?? this.rowTypeColumns.get(relation)
    );
  }

  /** The relation and everything that inherits from it, itself first. */
  withDescendants(relation: Relation): readonly Relation[] {
    const found = new Map<number, Relation>([[relation.oid, relation]]);
    for (const one of found.values()) {
      for (const child of this.children.get(one.oid) ?? []) {
        const known = this.relations.get(child);
        if (known !== undefined) found.set(child, known);
      }
    }
    return [...found.values()];
  }

  /** The tables that a partition is a part of, nearest first. */
  partitionAncestors(relation: Relation): readonly Relation[] {
    const found = new Map<number, Relation>();
    const queue = [relation.oid];
    for (const oid of queue) {
      for (const parent of this.partitionParents.get(oid) ?? []) {
        const known = this.relations.get(parent);
        if (known === undefined || found.has(parent)) continue;
        found.set(parent, known);
        queue.push(parent);
      }
    }
    return [...found.values()];
  }

  private addFunction(row: FunctionRow, schema: string): void {
    const [oid, , name, language, volatility, kind, extension, returnsRelation] = row;
    const [, , , , , , , , returnsType, inputs, outputs, source, ownPath] = row;
    const made: UserFunction = {
      oid,
      schema,
      name,
      language,
      volatility,
      kind,
      extension,
      returnsRelation,
      inputs: inputs ?? [],
      outputs,
      source,
      ownPath,
      returnsType,
      returnsTrigger: returnsType === TRIGGER_TYPE,
    };
    this.functions.set(oid, made);
    push(this.functionsByName, name, made);
  }
}

const keyOf = (schema: string, name: string): string => `${schema}\u0000${name}`;

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
