import type { UserFunction } from '../catalog/catalog.js';
import { traitOfFunction } from '../traits.js';

/**
 * Extensions whose C functions compute from their arguments and nothing else. The C functions of any other
 * may run SQL or reach files, so only its immutable ones count as harmless.
 */
const PURE_EXTENSIONS: ReadonlySet<string> = new Set(
  `bloom btree_gin btree_gist citext cube dict_int dict_xsyn earthdistance fuzzystrmatch hstore intarray isn
  ltree pg_trgm pgcrypto postgis seg tsm_system_rows tsm_system_time unaccent uuid-ossp vector`.split(/\s+/),
);

/** Their immutable C functions do more than compute. */
const NEVER_PURE: ReadonlySet<string> = new Set(['dblink', 'tablefunc', 'xml2', 'adminpack', 'file_fdw']);

/**
 * Whether compiled code is known to compute from its arguments only; undefined for code that can be read
 * (sql, plpgsql). A volatility alone proves nothing: the creator of a function writes it.
 */
export function compiledIsHarmless(one: UserFunction): boolean | undefined {
  if (one.language === 'sql' || one.language === 'plpgsql') return undefined;
  if (one.kind === 'a' || one.kind === 'w')
    return one.extension !== null && PURE_EXTENSIONS.has(one.extension);
  if (one.language === 'internal') return traitOfFunction([one.source]) === undefined;
  if (one.language !== 'c' || one.extension === null) return false;
  if (traitOfFunction([one.name]) !== undefined || NEVER_PURE.has(one.extension)) return false;
  return PURE_EXTENSIONS.has(one.extension) || one.volatility === 'i';
}

/** The statements of a function in SQL, as a text that parses. */
export function sqlBody(source: string): string {
  const atomic = /^\s*BEGIN\s+ATOMIC\b([\s\S]*)\bEND\s*;?\s*$/i.exec(source);
  if (atomic !== null) return atomic[1] ?? '';
  const returned = /^\s*RETURN\b([\s\S]*)$/i.exec(source);
  return returned === null ? source : `SELECT ${returned[1] ?? ''}`;
}

/** Whether the server wrote this body itself, with every name qualified. */
export const isStoredTree = (source: string): boolean => /^\s*(BEGIN\s+ATOMIC|RETURN)\b/i.test(source);
