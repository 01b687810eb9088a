import type { Catalog, Relation, UserFunction } from '../catalog/catalog.js';
import type { Fields, TypedNode } from '../syntax-tree.js';
import type { Findings } from './findings.js';
import type { Level } from './level.js';
import type { Row, Trace } from './trace.js';

/** Common table expressions by name; the innermost of a name counts. */
export type Ctes = ReadonlyMap<string, Row>;

/** Where an expression or query stands. */
export interface Env {
  readonly level: Level | undefined;
  readonly ctes: Ctes;
  /** Names of a function's arguments, where its body is resolved: they are no columns. */
  readonly parameters?: ReadonlySet<string>;
}

/** Names as one session (or one view, one function body) sees them. */
export interface NameSpace {
  readonly catalog: Catalog;
  readonly searchPath: readonly string[];
  /** `searchPath` is every schema there is: where a name leads to cannot be told. */
  readonly pathUnknown?: boolean;
  /** The session's temporary relations; none where code of others is resolved. */
  temporary(name: string): Relation | undefined;
  temporaryByOid(oid: number): Relation | undefined;
  /** The session's temporary relation that inherits from this one. */
  temporaryChild(oid: number): Relation | undefined;
}

/** The mutually recursive parts of a resolution. Each is a file of its own. */
export interface Engine {
  readonly names: NameSpace;
  readonly findings: Findings;
  /** What may be in the value of an expression. */
  expression(value: unknown, env: Env, into: Trace): void;
  query(node: TypedNode, env: Env): Row;
  /** Puts the items of a FROM clause into `level`; the row is what `*` stands for. */
  from(item: unknown, level: Level, env: Env): Row;
  relationRow(relation: Relation): Row;
  /** A call by name; returns what it may carry beside its arguments. */
  call(parts: readonly string[], into: Trace): void;
  callFunction(one: UserFunction, into: Trace): void;
  callByOid(oids: readonly number[], into: Trace): void;
  lookUp(fields: Fields): Relation | undefined;
}

/** What a view or a function comes to, whoever uses it. */
export interface Model {
  readonly row: Row;
  readonly findings: Findings;
}

/** Views and functions of a catalog, each resolved once. */
export interface ModelSource {
  view(relation: Relation): Model;
  /** The columns of a relation as its readers get them. */
  row(relation: Relation): Row;
  callable(one: UserFunction, names: NameSpace): Model;
}
