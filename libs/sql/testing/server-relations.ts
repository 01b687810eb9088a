/** Runs one query of a test's own connection. */
export type Ask = (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

export interface ServerRelation {
  readonly oid: number;
  /** schema.name, unquoted. */
  readonly name: string;
  /** pg_class.relkind, where it was asked for. */
  readonly kind?: string;
}

/** Tables and columns (schema.name.column) that a view of this query depends on, as pg_depend has them. */
export async function relationsOfView(
  ask: Ask,
  query: string,
): Promise<{ readonly relations: readonly ServerRelation[]; readonly columns: readonly string[] }> {
  await ask(`CREATE TEMP VIEW countersign_probe AS ${query}`);
  try {
    const rows = (await ask(`
      SELECT DISTINCT c.oid::int4, c.relkind, n.nspname || '.' || c.relname AS relation, t.attname AS "column"
        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
        JOIN pg_catalog.pg_class c ON c.oid = d.refobjid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_attribute t
          ON t.attrelid = c.oid AND t.attnum = d.refobjsubid AND d.refobjsubid > 0
       WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
         AND r.ev_class = 'pg_temp.countersign_probe'::regclass AND c.oid <> r.ev_class`)) as {
      oid: number;
      relkind: string;
      relation: string;
      column: string | null;
    }[];
    return {
      relations: [
        ...new Map(
          rows.map(({ oid, relation, relkind }) => [oid, { oid, name: relation, kind: relkind }]),
        ).values(),
      ],
      columns: rows.flatMap(({ relation, column }) => (column === null ? [] : [`${relation}.${column}`])),
    };
  } finally {
    await ask('DROP VIEW pg_temp.countersign_probe');
  }
}

/** Tables that the plan of a query scans or changes, and those that it changes. */
export async function relationsOfPlan(
  ask: Ask,
  query: string,
): Promise<{ readonly scanned: readonly ServerRelation[]; readonly changed: readonly ServerRelation[] }> {
  const [row] = await ask(`EXPLAIN (VERBOSE, FORMAT JSON) ${query}`);
  const scanned = new Map<string, string>();
  const changed = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const fields = value as Readonly<Record<string, unknown>>;
    const { 'Relation Name': name, Schema: schema } = fields;
    if (typeof name === 'string') {
      const quoted = [String(schema), name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
      scanned.set(quoted, `${String(schema)}.${name}`);
      if (fields['Node Type'] === 'ModifyTable') changed.add(quoted);
    }
    Object.values(fields).forEach(walk);
  };
  walk(row?.['QUERY PLAN']);
  if (scanned.size === 0) return { scanned: [], changed: [] };
  const literals = [...scanned.keys()].map((quoted) => `'${quoted.replaceAll("'", "''")}'`);
  const found = (await ask(
    `SELECT pg_catalog.to_regclass(n)::oid::int4 AS oid, n FROM unnest(ARRAY[${literals.join(', ')}]::text[]) n`,
  )) as { oid: number | null; n: string }[];
  const all = found.map(({ oid, n }) => ({ oid: oid ?? 0, name: scanned.get(n) ?? n, quoted: n }));
  return { scanned: all, changed: all.filter(({ quoted }) => changed.has(quoted)) };
}

/** Tables of the users' that are read or changed while a query runs, also by triggers and functions. */
export async function relationsTouched(ask: Ask, query: string): Promise<readonly ServerRelation[]> {
  const counters = async (): Promise<Map<number, { name: string; n: string }>> => {
    const rows = (await ask(`
      SELECT relid::int4 AS oid, schemaname || '.' || relname AS name,
             pg_catalog.concat_ws(' ', seq_scan, idx_scan, n_tup_ins, n_tup_upd, n_tup_del) AS n
        FROM pg_catalog.pg_stat_xact_user_tables`)) as { oid: number; name: string; n: string }[];
    return new Map(rows.map(({ oid, name, n }) => [oid, { name, n }]));
  };
  const before = await counters();
  await ask(query);
  return [...(await counters())]
    .filter(
      ([oid, { n }]) =>
        n !== (before.get(oid)?.n ?? NOTHING) && n !== (before.get(oid)?.n ?? NOTHING_INDEXED),
    )
    .map(([oid, { name }]) => ({ oid, name }));
}

const NOTHING = '0 0 0 0';
const NOTHING_INDEXED = '0 0 0 0 0';
