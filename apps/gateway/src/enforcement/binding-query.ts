/**
 * Reads from the server what an approval binds beside the bytes: settings, and for each relation and
 * function named, and everything those depend on to a fixpoint, oid and SHA-256 of the definition.
 * Every name and operator is qualified, so that nothing on the session's search_path stands in for it.
 *
 * $1 relations as to_regclass reads them; $2 and $3 schemas ('' for none) and names of functions.
 * Columns: class (setting, relation, function, missing, session), oid, name, value (setting or hex digest).
 * The one row of class `session` is not bound: how many types the session has of its own (temporary tables
 * and the like), and its countersign.wait.
 */
const EQ = 'OPERATOR(pg_catalog.=)';

const SETTINGS = `
  SELECT v.name, v.value FROM (VALUES
    ('session_user', session_user::pg_catalog.text),
    ('current_user', current_user::pg_catalog.text),
    ('search_path', pg_catalog.current_schemas(true)::pg_catalog.text),
    ${[
      'client_encoding',
      'standard_conforming_strings',
      'DateStyle',
      'IntervalStyle',
      'TimeZone',
      'row_security',
      'session_replication_role',
      'transaction_isolation',
      'transaction_read_only',
    ]
      .map((name) => `('${name}', pg_catalog.current_setting('${name}'))`)
      .join(',\n    ')}
  ) AS v(name, value)`;

const part = (catalog: string, column: string, extra = ''): string =>
  `SELECT 'pg_catalog.${catalog}'::pg_catalog.regclass::pg_catalog.oid AS classid, x.oid
     FROM pg_catalog.${catalog} x WHERE x.${column} ${EQ} o.oid ${extra}`;

/** What an object depends on. Objects of the system itself (oids below 16384) do not change. */
const EDGES = `
  SELECT CASE WHEN d.refclassid ${EQ} 'pg_catalog.pg_class'::pg_catalog.regclass THEN 'relation' ELSE 'function' END AS class,
         d.refobjid AS oid
    FROM (
      ${part('pg_rewrite', 'ev_class')} UNION ALL
      ${part('pg_attrdef', 'adrelid')} UNION ALL
      ${part('pg_constraint', 'conrelid')} UNION ALL
      ${part('pg_policy', 'polrelid')} UNION ALL
      ${part('pg_trigger', 'tgrelid', 'AND NOT x.tgisinternal')} UNION ALL
      ${part('pg_proc', 'oid')}
    ) p
    JOIN pg_catalog.pg_depend d ON d.classid ${EQ} p.classid AND d.objid ${EQ} p.oid
   WHERE d.refobjid OPERATOR(pg_catalog.>=) 16384
     AND (d.refclassid ${EQ} 'pg_catalog.pg_class'::pg_catalog.regclass
       OR d.refclassid ${EQ} 'pg_catalog.pg_proc'::pg_catalog.regclass)
  UNION ALL
  SELECT 'relation', i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent ${EQ} o.oid
  UNION ALL
  SELECT 'relation', k.conrelid FROM pg_catalog.pg_constraint k
   WHERE k.confrelid ${EQ} o.oid AND k.contype ${EQ} 'f'`;

const agg = (row: string, catalog: string, where: string, order: string): string =>
  `(SELECT pg_catalog.string_agg(ROW(${row})::pg_catalog.text, E'\\n' ORDER BY ${order}) FROM ${catalog} WHERE ${where})`;

const RELATION = `ROW(
    c.relkind, c.relnamespace, c.relname, c.relowner, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
    c.relispartition, c.reloftype, c.reloptions,
    ${agg(
      'a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated, a.attcollation, pg_catalog.pg_get_expr(e.adbin, e.adrelid)',
      `pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef e ON e.adrelid ${EQ} a.attrelid AND e.adnum ${EQ} a.attnum`,
      `a.attrelid ${EQ} c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped`,
      'a.attnum',
    )},
    ${agg('k.conname, pg_catalog.pg_get_constraintdef(k.oid)', 'pg_catalog.pg_constraint k', `k.conrelid ${EQ} c.oid`, 'k.oid')},
    ${agg('t.tgenabled, pg_catalog.pg_get_triggerdef(t.oid)', 'pg_catalog.pg_trigger t', `t.tgrelid ${EQ} c.oid AND NOT t.tgisinternal`, 't.oid')},
    ${agg('r.ev_enabled, pg_catalog.pg_get_ruledef(r.oid)', 'pg_catalog.pg_rewrite r', `r.ev_class ${EQ} c.oid`, 'r.oid')},
    ${agg(
      'y.polname, y.polcmd, y.polpermissive, y.polroles, pg_catalog.pg_get_expr(y.polqual, y.polrelid), pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid)',
      'pg_catalog.pg_policy y',
      `y.polrelid ${EQ} c.oid`,
      'y.oid',
    )}
  )`;

const FUNCTION = `ROW(
    f.pronamespace, f.proname, f.proowner, f.prolang, f.prokind, f.prosecdef, f.proleakproof, f.proisstrict, f.proretset,
    f.provolatile, f.prorettype, f.proargtypes, f.proallargtypes, f.proargmodes,
    pg_catalog.pg_get_expr(f.proargdefaults, 0), f.prosrc, f.probin,
    CASE WHEN f.prosqlbody IS NULL THEN NULL ELSE pg_catalog.pg_get_function_sqlbody(f.oid) END, f.proconfig
  )`;

const digest = (row: string): string =>
  `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(${row}::pg_catalog.text, 'UTF8')), 'hex')`;

export const BINDING_QUERY = `/* countersign: what an approval binds */
WITH RECURSIVE wanted(name) AS (SELECT pg_catalog.unnest($1::pg_catalog.text[])),
seed(class, oid) AS (
  SELECT 'relation', pg_catalog.to_regclass(w.name)::pg_catalog.oid FROM wanted w
   WHERE pg_catalog.to_regclass(w.name) IS NOT NULL
  UNION
  SELECT 'function', f.oid
    FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[])) AS g(schema, name)
    JOIN pg_catalog.pg_proc f ON f.proname ${EQ} g.name
    JOIN pg_catalog.pg_namespace n ON n.oid ${EQ} f.pronamespace
   WHERE f.oid OPERATOR(pg_catalog.>=) 16384
     AND CASE WHEN g.schema ${EQ} '' THEN n.nspname ${EQ} ANY (pg_catalog.current_schemas(true)) ELSE n.nspname ${EQ} g.schema END
),
closure(class, oid) AS (
  SELECT s.class, s.oid FROM seed s
  UNION
  SELECT e.class, e.oid FROM closure o CROSS JOIN LATERAL (${EDGES}) e
)
SELECT 'setting', 0::pg_catalog.int8, s.name, s.value FROM (${SETTINGS}) s
UNION ALL
SELECT 'session', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_type t WHERE t.typnamespace ${EQ} pg_catalog.pg_my_temp_schema()),
       'wait', pg_catalog.current_setting('countersign.wait', true)
UNION ALL
SELECT 'missing', 0, w.name, NULL FROM wanted w WHERE pg_catalog.to_regclass(w.name) IS NULL
UNION ALL
SELECT 'relation', c.oid::pg_catalog.int8, pg_catalog.format('%I.%I', n.nspname, c.relname), ${digest(RELATION)}
  FROM closure o JOIN pg_catalog.pg_class c ON c.oid ${EQ} o.oid JOIN pg_catalog.pg_namespace n ON n.oid ${EQ} c.relnamespace
 WHERE o.class ${EQ} 'relation'
UNION ALL
SELECT 'function', f.oid::pg_catalog.int8,
       pg_catalog.format('%I.%I(%s)', n.nspname, f.proname, pg_catalog.pg_get_function_identity_arguments(f.oid)), ${digest(FUNCTION)}
  FROM closure o JOIN pg_catalog.pg_proc f ON f.oid ${EQ} o.oid JOIN pg_catalog.pg_namespace n ON n.oid ${EQ} f.pronamespace
 WHERE o.class ${EQ} 'function'`;
