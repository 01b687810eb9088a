const list = (section: string, row: string, from: string, order: string): string =>
  `SELECT '${section}', coalesce(json_agg(json_build_array(${row}) ORDER BY ${order}), '[]')::text FROM ${from}`;

/** Objects with smaller oids come with the server. */
const FIRST_USER_OID = 16384;

const relationKinds = `('r', 'v', 'm', 'f', 'p', 'S')`;
const visibleSchema = `n.nspname !~ '^pg_(toast|temp)'`;

const names = (modes: string): string =>
  `(SELECT json_agg(coalesce(a.name, '') ORDER BY a.place)
      FROM unnest(f.proargnames, f.proargmodes) WITH ORDINALITY AS a(name, mode, place)
     WHERE ${modes})`;
const outputs = names(`a.mode IN ('o', 'b', 't')`);
const inputs = names(`a.mode IS NULL OR a.mode IN ('i', 'b', 'v')`);

/** The users' functions behind what `d`, a row of pg_depend, refers to: itself, an operator, an operator class. */
const FUNCTIONS_BEHIND = `CROSS JOIN LATERAL (
       SELECT d.refobjid WHERE d.refclassid = 'pg_proc'::regclass
       UNION ALL SELECT o.oprcode::oid FROM pg_operator o WHERE d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
       UNION ALL SELECT p.amproc::oid FROM pg_opclass c JOIN pg_amproc p ON p.amprocfamily = c.opcfamily
        WHERE d.refclassid = 'pg_opclass'::regclass AND c.oid = d.refobjid) f(oid)`;

/** Functions of the users' that an object of a relation runs. */
const code = (catalog: string, relation: string, what: string, objects = catalog, oid = 'oid'): string =>
  `SELECT x.${relation} AS relation, f.oid AS function, '${what}' AS what FROM ${catalog} x
     JOIN pg_depend d ON d.classid = '${objects}'::regclass AND d.objid = x.${oid} ${FUNCTIONS_BEHIND}
    WHERE d.refobjid >= ${FIRST_USER_OID} AND f.oid >= ${FIRST_USER_OID} AND x.${relation} <> 0`;

/**
 * Functions that run when a column takes a value, by its type: constraints and defaults of domains, also
 * those inside arrays, ranges and composites. And casts that a value of a column may go through unasked.
 */
const CODE_OF_TYPES = `SELECT a.attrelid AS relation, f.oid AS function, 'type' AS what
     FROM (SELECT DISTINCT y.atttypid AS type FROM pg_attribute y
            WHERE y.atttypid >= ${FIRST_USER_OID} AND y.attnum > 0 AND NOT y.attisdropped) u
     CROSS JOIN LATERAL (
       WITH RECURSIVE part(oid) AS (
         SELECT u.type
         UNION SELECT q.oid FROM part JOIN pg_type t ON t.oid = part.oid CROSS JOIN LATERAL (
           SELECT t.typbasetype UNION ALL SELECT t.typelem
           UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid OR r.rngmultitypid = t.oid
           UNION ALL SELECT y.atttypid FROM pg_attribute y
            WHERE y.attrelid = t.typrelid AND t.typrelid <> 0 AND y.attnum > 0 AND NOT y.attisdropped) q(oid)
          WHERE q.oid <> 0)
       SELECT k.oid AS object, k.classid
         FROM part JOIN pg_type t ON t.oid = part.oid CROSS JOIN LATERAL (
           SELECT k.oid, 'pg_constraint'::regclass FROM pg_constraint k WHERE k.contypid = t.oid
           UNION ALL SELECT t.oid, 'pg_type'::regclass WHERE t.typtype = 'd') k(oid, classid)) part
     JOIN pg_depend d ON d.classid = part.classid AND d.objid = part.object ${FUNCTIONS_BEHIND}
     JOIN pg_attribute a ON a.atttypid = u.type AND a.attnum > 0 AND NOT a.attisdropped
    WHERE d.refobjid >= ${FIRST_USER_OID} AND f.oid >= ${FIRST_USER_OID}
   UNION SELECT a.attrelid, k.castfunc, 'cast' FROM pg_attribute a JOIN pg_cast k ON k.castsource = a.atttypid
    WHERE k.castfunc >= ${FIRST_USER_OID} AND k.castcontext <> 'e' AND a.attnum > 0 AND NOT a.attisdropped`;

/**
 * Reads a database's catalog as one snapshot: rows of (section, JSON), one for each field of CatalogRows.
 * For a connection of our own whose search_path is pg_catalog alone, so that view definitions come with
 * every other name qualified.
 */
export const CATALOG_QUERY = `/* countersign: catalog */
SELECT 'server', json_build_object('version', current_setting('server_version_num')::int,
  'role', current_user, 'database', current_database())::text
UNION ALL ${list('schemas', `n.oid::int8, n.nspname, has_schema_privilege(n.oid, 'USAGE')`, `pg_namespace n WHERE ${visibleSchema}`, 'n.oid')}
UNION ALL ${list(
  'relations',
  `c.oid::int8, n.oid::int8, c.relname, c.relkind, c.reltype::int8,
   CASE WHEN c.relkind IN ('v', 'm') AND c.oid >= ${FIRST_USER_OID} THEN pg_get_viewdef(c.oid) END`,
  `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ${relationKinds} AND ${visibleSchema}`,
  'c.oid',
)}
UNION ALL ${list(
  'columns',
  `r.relation::int8, r.columns`,
  `(SELECT c.oid AS relation, json_agg(json_build_array(a.attnum, a.attname, a.atttypid::int8,
       CASE WHEN a.attgenerated <> '' THEN pg_get_expr(e.adbin, e.adrelid) END) ORDER BY a.attnum) AS columns
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
    WHERE (c.relkind IN ${relationKinds} OR c.relkind = 'c') AND ${visibleSchema} GROUP BY c.oid) r`,
  'r.relation',
)}
UNION ALL ${list('inherits', `i.inhrelid::int8, i.inhparent::int8, c.relispartition`, `pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind IN ('r', 'p', 'f')`, 'i.inhrelid, i.inhparent')}
UNION ALL ${list(
  'functions',
  `f.oid::int8, f.pronamespace::int8, f.proname,
   CASE WHEN EXISTS (SELECT FROM unnest(f.proconfig) c WHERE c NOT LIKE 'search_path=%') THEN 'settings' ELSE l.lanname END,
   f.provolatile, f.prokind,
   (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_proc'::regclass
       AND d.objid = f.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' LIMIT 1),
   t.typrelid::int8, f.prorettype::int8, ${inputs}, ${outputs},
   CASE WHEN l.lanname NOT IN ('sql', 'plpgsql', 'internal') THEN ''
        WHEN f.prosqlbody IS NOT NULL THEN pg_get_function_sqlbody(f.oid) ELSE f.prosrc END,
   (SELECT c FROM unnest(f.proconfig) c WHERE c LIKE 'search_path=%' LIMIT 1)`,
  `pg_proc f JOIN pg_language l ON l.oid = f.prolang JOIN pg_type t ON t.oid = f.prorettype WHERE f.oid >= ${FIRST_USER_OID}`,
  'f.oid',
)}
UNION ALL ${list(
  'systemFunctions',
  `s.name, CASE WHEN s.shapes = 1 THEN s.outputs END`,
  `(SELECT f.proname AS name, count(DISTINCT coalesce(${outputs}::text, '')) AS shapes, min(${outputs}::text)::json AS outputs
      FROM pg_proc f WHERE f.oid < ${FIRST_USER_OID} GROUP BY f.proname) s`,
  's.name',
)}
UNION ALL ${list('operators', `o.oprnamespace::int8, o.oprname, o.oprcode::oid::int8`, `pg_operator o WHERE o.oid >= ${FIRST_USER_OID}`, 'o.oid')}
UNION ALL ${list('casts', `k.castsource::int8, k.casttarget::int8, k.castfunc::int8`, `pg_cast k WHERE k.oid >= ${FIRST_USER_OID} AND k.castfunc <> 0`, 'k.oid')}
UNION ALL ${list(
  'types',
  `t.oid::int8, t.typnamespace::int8, t.typname, t.typtype, t.typrelid::int8,
   (SELECT coalesce(json_agg(d.refobjid::int8 ORDER BY d.refobjid), '[]') FROM pg_constraint k
      JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
     WHERE k.contypid = t.oid AND d.refclassid = 'pg_proc'::regclass AND d.refobjid >= ${FIRST_USER_OID})`,
  `pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.oid >= ${FIRST_USER_OID} AND ${visibleSchema} AND t.typcategory <> 'A'
      AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c')`,
  't.oid',
)}
UNION ALL ${list('triggers', `g.tgrelid::int8, g.tgfoid::int8, g.tgtype`, `pg_trigger g WHERE NOT g.tgisinternal AND g.tgenabled <> 'D'`, 'g.oid')}
UNION ALL ${list('rules', `r.ev_class::int8, r.ev_type`, `pg_rewrite r WHERE r.rulename <> '_RETURN' AND r.ev_enabled <> 'D' AND r.oid >= ${FIRST_USER_OID}`, 'r.oid')}
UNION ALL ${list('foreignKeys', `k.conrelid::int8, k.confrelid::int8, k.confdeltype, k.confupdtype, k.confkey`, `pg_constraint k WHERE k.contype = 'f'`, 'k.oid')}
UNION ALL ${list('primaryKeys', `k.conrelid::int8, k.conkey`, `pg_constraint k WHERE k.contype = 'p'`, 'k.oid')}
UNION ALL ${list(
  'code',
  `u.relation::int8, u.function::int8, u.what`,
  `(${[
    code('pg_attrdef', 'adrelid', 'default'),
    code('pg_constraint', 'conrelid', 'check'),
    code('pg_index', 'indrelid', 'index', 'pg_class', 'indexrelid'),
    code('pg_partitioned_table', 'partrelid', 'partition', 'pg_class', 'partrelid'),
    // Beside the function that it runs, which `triggers` has.
    `${code('pg_trigger', 'tgrelid', 'trigger')} AND f.oid <> x.tgfoid`,
    CODE_OF_TYPES,
    code('pg_proc', 'oid', 'argument'),
    code('pg_policy', 'polrelid', 'policy'),
  ].join(' UNION ')}) u`,
  'u.relation, u.function, u.what',
)}
UNION ALL ${list(
  'policyReads',
  `p.polrelid::int8, d.refobjid::int8`,
  `(SELECT DISTINCT y.polrelid, e.refobjid FROM pg_policy y JOIN pg_depend e ON e.classid = 'pg_policy'::regclass AND e.objid = y.oid
     WHERE e.refclassid = 'pg_class'::regclass AND e.refobjid <> y.polrelid) AS d(polrelid, refobjid)
   CROSS JOIN LATERAL (SELECT d.polrelid) p`,
  'p.polrelid, d.refobjid',
)}
UNION ALL SELECT 'rowSecurity', coalesce(json_agg(c.oid::int8 ORDER BY c.oid), '[]')::text FROM pg_class c WHERE c.relrowsecurity`;
