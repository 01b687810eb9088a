import type { TemporaryRelation } from '../catalog/catalog.js';
import type { CatalogSnapshot } from '../catalog/load-catalog.js';

/**
 * What names mean to a session now. Two contexts are the same only as objects: the caller keeps one for
 * each combination, so that a repeated statement is found by it.
 */
export interface ResolutionContext {
  /** undefined: not loaded, so that whatever names something is incomplete. */
  readonly catalog: CatalogSnapshot | undefined;
  /** Effective: pg_temp and pg_catalog stand in it where the server looks. See search-path.ts. */
  readonly searchPath: readonly string[];
  readonly temporary: readonly TemporaryRelation[];
  /** Why names may mean something else all the same: uncommitted DDL, another role, a read that failed. */
  readonly doubt?: string;
}

/** A relation that a statement touches, as the server knows it. */
export interface TouchedRelation {
  readonly oid: number;
  /** schema.name */
  readonly name: string;
  readonly kind: string;
  readonly read: boolean;
  readonly written: boolean;
  /** Named by the text, not reached through a view, a cascade or a parent. */
  readonly named: boolean;
}

/** A column of the result and what may have reached it. */
export interface OutputColumn {
  readonly name: string;
  /** schema.table.column of every base column whose value may be in it. */
  readonly from: readonly string[];
  /** Why more than `from` may be in it. */
  readonly unknown?: string;
}

/** What the catalog adds to an analysis. Supersets: what is not certain is in, or `incomplete` says why. */
export interface Resolution {
  readonly relations: readonly TouchedRelation[];
  /** schema.table.column; everything that a condition, an expression or the result looks at. */
  readonly columnsRead: readonly string[];
  readonly columnsWritten: readonly string[];
  /**
   * The result's columns in order; null where their number cannot be told, empty where there is none.
   */
  readonly output: readonly OutputColumn[] | null;
  /** Columns touched whose name and type look like personal data (personal-data.ts); null: cannot be told. */
  readonly personalData: readonly string[] | null;
  /** Functions of the users' that run, directly or through views, triggers, constraints, policies. */
  readonly userFunctions: readonly string[];
  /** The same of constraints, indexes and defaults of what is touched: planning may run them. */
  readonly plannedCode?: readonly string[];
  /** Why a command tag does not count every row it changes: triggers, rules, cascades, writing CTEs. */
  readonly uncounted: readonly string[];
  /** It is proven to compute an answer from stored rows and to do nothing else (proven-read.ts). */
  readonly provenRead?: boolean;
  /** Names the catalog does not have. The server refuses what reads them. */
  readonly missing: readonly string[];
}
