import type { TemporaryRelation } from '#libs/sql/catalog/catalog.js';

const EQ = 'OPERATOR(pg_catalog.=)';

/** Whose functions are not the server's own. */
const OF_USERS = `OPERATOR(pg_catalog.>=) 16384`;

/** Something of the relation, an expression or a type of a column, that may run a function of the users'. */
const RUNS_CODE = `EXISTS (
       SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid ${EQ} a.atttypid
         LEFT JOIN pg_catalog.pg_type e ON e.oid ${EQ} t.typelem
        WHERE a.attrelid ${EQ} c.oid AND a.attnum OPERATOR(pg_catalog.>) 0
          AND (COALESCE(e.typtype, t.typtype) ${EQ} ANY ('{d,c}'::pg_catalog."char"[])
            OR EXISTS (SELECT FROM pg_catalog.pg_cast k
                        WHERE k.casttarget ${EQ} t.oid AND k.castfunc::pg_catalog.int8 ${OF_USERS})))
  OR EXISTS (
       SELECT FROM pg_catalog.pg_depend d
        WHERE d.refobjid::pg_catalog.int8 ${OF_USERS}
          AND d.refclassid ${EQ} ANY (ARRAY['pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass,
                'pg_catalog.pg_opclass'::pg_catalog.regclass]::pg_catalog.oid[])
          AND (d.objid ${EQ} ANY (SELECT e.oid FROM pg_catalog.pg_attrdef e WHERE e.adrelid ${EQ} c.oid)
            OR d.objid ${EQ} ANY (SELECT k.oid FROM pg_catalog.pg_constraint k WHERE k.conrelid ${EQ} c.oid)
            OR d.objid ${EQ} ANY (SELECT x.indexrelid FROM pg_catalog.pg_index x WHERE x.indrelid ${EQ} c.oid)
            OR d.objid ${EQ} c.oid))`;

/** What makes a temporary relation more than columns; null for a plain table or sequence. */
const BEYOND = `CASE
        WHEN NOT (c.relkind ${EQ} ANY ('{r,S,p}'::pg_catalog."char"[])) THEN 'a definition'
        WHEN c.relhasrules THEN 'rules'
        WHEN c.relhastriggers THEN 'triggers'
        WHEN c.relrowsecurity THEN 'policies'
        WHEN ${RUNS_CODE} THEN 'code of its own'
      END`;

/**
 * search_path as set, the role the session acts as, and the schema of its temporary objects: 0 where it never had one,
 * and so has nothing else to be asked for. A fraction of the other query's cost, most of which is planning.
 */
export const SESSION_PATH_QUERY = `/* countersign: search_path of the session */
SELECT pg_catalog.current_setting('search_path'), current_user::pg_catalog.text, pg_catalog.pg_my_temp_schema()::pg_catalog.text`;

/**
 * What a session has of its own: search_path as set, the role it acts as, its temporary relations as JSON
 * (oid, name, relkind, columns, what they have beyond columns, what they inherit from), and whether it has types
 * that run code: domains, or types with casts. Every name and operator is qualified, so that nothing on the session's
 * search_path stands in for it.
 */
export const SESSION_NAMES_QUERY = `/* countersign: names of the session */
SELECT pg_catalog.current_setting('search_path'), current_user::pg_catalog.text,
  (SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_array(
      c.oid::pg_catalog.int8, c.relname, c.relkind,
      (SELECT pg_catalog.json_agg(a.attname ORDER BY a.attnum USING OPERATOR(pg_catalog.<)) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid ${EQ} c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped),
      ${BEYOND},
      (SELECT pg_catalog.json_agg(i.inhparent::pg_catalog.int8) FROM pg_catalog.pg_inherits i WHERE i.inhrelid ${EQ} c.oid))),
    '[]')::pg_catalog.text
    FROM pg_catalog.pg_class c
   WHERE c.relnamespace ${EQ} pg_catalog.pg_my_temp_schema()
     AND c.relkind ${EQ} ANY ('{r,v,f,p,S,m}'::pg_catalog."char"[])),
  (SELECT pg_catalog.bool_or(t.typtype ${EQ} 'd'::pg_catalog."char" OR EXISTS (
            SELECT FROM pg_catalog.pg_cast k WHERE t.oid ${EQ} ANY (ARRAY[k.castsource, k.casttarget])))
    FROM pg_catalog.pg_type t WHERE t.typnamespace ${EQ} pg_catalog.pg_my_temp_schema())`;

type TemporaryRow = [number, string, string, string[] | null, string | null, number[] | null];

/** The temporary relations of an answer to it. */
export const readTemporary = (json: string): TemporaryRelation[] =>
  (JSON.parse(json) as TemporaryRow[]).map(([oid, name, kind, columns, beyond, parents]) => ({
    oid,
    name,
    kind,
    columns: columns ?? [],
    beyond: beyond ?? undefined,
    parents: parents ?? [],
  }));
