/**
 * What is known of one database, as catalog-query.ts reads it: arrays, since a large database has many of
 * them. Oids and attribute numbers are the server's. Row counts are not in it: they change while nothing
 * that matters to a name does (see signals).
 */
export interface CatalogRows {
  readonly server: { readonly version: number; readonly role: string; readonly database: string };
  /** oid, name, whether the role may use it. */
  readonly schemas: readonly (readonly [number, string, boolean])[];
  readonly relations: readonly RelationRow[];
  /** Relation, then its columns in order: attnum, name, type's oid, expression of a generated one. */
  readonly columns: readonly (readonly [number, readonly ColumnRow[]])[];
  /** Child, parent, whether the child is a partition. */
  readonly inherits: readonly (readonly [number, number, boolean])[];
  /** Functions that are not the system's own. */
  readonly functions: readonly FunctionRow[];
  /** Names of the system's own functions and their output columns; null: one value, or several shapes. */
  readonly systemFunctions: readonly (readonly [string, readonly string[] | null])[];
  /** Operators that are not the system's own: schema, name, function. */
  readonly operators: readonly (readonly [number, string, number])[];
  /** Casts that are not the system's own, those by function: source type, target type, function. */
  readonly casts: readonly (readonly [number, number, number])[];
  /** Types that are not the system's own and no row types: oid, schema, name, kind, relation, functions of its constraints. */
  readonly types: readonly (readonly [number, number, string, string, number, readonly number[]])[];
  /** Relation, function, pg_trigger.tgtype. Only those that fire. */
  readonly triggers: readonly (readonly [number, number, number])[];
  /** Relation, event (2 UPDATE, 3 INSERT, 4 DELETE, 1 SELECT). Without the rules that make views. */
  readonly rules: readonly (readonly [number, string])[];
  /** Referencing relation, referenced relation, ON DELETE, ON UPDATE, referenced columns. */
  readonly foreignKeys: readonly (readonly [number, number, string, string, readonly number[]])[];
  readonly primaryKeys: readonly (readonly [number, readonly number[]])[];
  /**
   * Relation, function that is not the system's own, what calls it: default, check, index, policy, partition
   * (its key), trigger (its condition), type (of a column), cast (from a column's type, not asked for). Also a function in the
   * place of the relation: argument (the default of one, or its body).
   */
  readonly code: readonly (readonly [number, number, string])[];
  /** Relation, relation that one of its row-security policies reads. */
  readonly policyReads: readonly (readonly [number, number])[];
  /** Relations with row-level security. */
  readonly rowSecurity: readonly number[];
}

/** oid, schema, name, relkind, row type, definition of a view. */
export type RelationRow = readonly [number, number, string, string, number, string | null];

export type ColumnRow = readonly [number, string, number, string | null];

export type FunctionRow = readonly [
  oid: number,
  schema: number,
  name: string,
  /** `settings` where it runs under others than the session's: then even its literals may be read otherwise. */
  language: string,
  /** i, s or v. */
  volatility: string,
  /** f, p, a or w. */
  kind: string,
  extension: string | null,
  /** The relation whose rows it returns; 0 for none. */
  returnsRelation: number,
  /** Type it returns. */
  returnsType: number,
  /** Names of input arguments. */
  inputs: readonly string[] | null,
  /** Names of output columns. */
  outputs: readonly string[] | null,
  source: string,
  /** Whether it carries its own search_path. */
  ownPath: string | null,
];
