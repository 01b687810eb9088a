const EQ = 'OPERATOR(pg_catalog.=)';

/**
 * What a session has of its own: search_path as set, the role it acts as, its temporary relations as JSON
 * (oid, name, relkind, columns). Every name and operator is qualified, so that nothing on the session's
 * search_path stands in for it.
 */
export const SESSION_NAMES_QUERY = `/* countersign: names of the session */
SELECT pg_catalog.current_setting('search_path'), current_user::pg_catalog.text,
  (SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_array(
      c.oid::pg_catalog.int8, c.relname, c.relkind,
      (SELECT pg_catalog.json_agg(a.attname ORDER BY a.attnum USING OPERATOR(pg_catalog.<)) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid ${EQ} c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped))), '[]')::pg_catalog.text
    FROM pg_catalog.pg_class c
   WHERE c.relnamespace ${EQ} pg_catalog.pg_my_temp_schema()
     AND c.relkind ${EQ} ANY ('{r,v,f,p,S,m}'::pg_catalog."char"[]))`;
