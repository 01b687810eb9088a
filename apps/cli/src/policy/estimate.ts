import type { TargetConfiguration } from '#libs/contracts/targets.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import type { MessageAnalysis, SqlAnalyzer } from '#libs/sql/analysis.js';
import { contextOf } from '#libs/sql/catalog/context-of.js';
import { loadCatalog } from '#libs/sql/catalog/load-catalog.js';

/** The planner may not take longer, ms. */
const LIMIT_MS = 1_000;

export interface Estimate {
  /** Rows the planner expects; null: none, and `why`. */
  readonly rows: number | null;
  /** Rows of the largest table it writes (reads, where it writes none), as the server last counted them. */
  readonly tableRows: number | null;
  readonly why?: string;
}

/** The statement as the target understands it; undefined where the target cannot be asked. */
export interface AtTarget {
  readonly analysis: MessageAnalysis;
  readonly estimate: Estimate;
}

/** A connection of its own, read-only, as the role that sessions have. Rejects where the target cannot be reached. */
export async function askTarget(
  configuration: TargetConfiguration,
  text: string,
  analyzer: SqlAnalyzer,
): Promise<AtTarget> {
  const client = await connectClient(urlOf(configuration), 'countersign policy explain');
  try {
    const searchPath = await setting(client, 'search_path');
    await client.query('SET search_path = pg_catalog');
    const catalog = await loadCatalog(
      async (query) => (await client.query<string[]>({ text: query, rowMode: 'array' })).rows,
    );
    const result = await analyzer.resolve(text, contextOf(catalog, searchPath));
    if (!result.ok) throw new Error(result.message);
    await client.query(`SELECT set_config('search_path', $1, false)`, [searchPath]);
    return { analysis: result.analysis, estimate: await estimate(client, text, result.analysis) };
  } finally {
    await client.end();
  }
}

async function setting(client: PgClient, name: string): Promise<string> {
  const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
  return rows[0]?.value ?? '';
}

const PLANNED: readonly string[] = ['SELECT', 'VALUES', 'INSERT', 'UPDATE', 'DELETE', 'MERGE'];

/** EXPLAIN without ANALYZE, of one statement alone, where the planner runs nothing of the users'. */
async function estimate(client: PgClient, text: string, analysis: MessageAnalysis): Promise<Estimate> {
  const [statement, second] = analysis.statements;
  const none = (why: string): Estimate => ({ rows: null, tableRows: null, why });
  if (statement === undefined || second !== undefined) return none('only a single statement is estimated');
  if (!PLANNED.includes(statement.kind)) return none(`the planner has no plan for ${statement.kind}`);
  if (statement.incomplete !== undefined) return none(statement.incomplete);
  const { resolution } = statement;
  if (resolution === undefined) return none('the catalog of the target is not known');
  if (resolution.userFunctions.length > 0) return none('the planner might run functions of the users');
  try {
    await client.query('BEGIN READ ONLY');
    await client.query(`SET LOCAL statement_timeout = ${LIMIT_MS}; SET LOCAL lock_timeout = ${LIMIT_MS / 2}`);
    // A parameter makes it the extended protocol, which takes one command only.
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>({
      text: `EXPLAIN (FORMAT JSON, COSTS) ${text.replace(/;\s*$/, '')}`,
      name: 'countersign-explain',
    });
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    const wanted = resolution.relations.filter(({ written }) => written === statement.writes.length > 0);
    return {
      rows: plan === undefined ? null : rowsOf(plan),
      tableRows: await largest(
        client,
        wanted.map(({ oid }) => oid),
      ),
    };
  } catch (error) {
    return none(messageOf(error).split('\n')[0] ?? 'EXPLAIN failed');
  }
}

interface Plan {
  readonly 'Node Type': string;
  readonly 'Plan Rows': number;
  readonly Plans?: readonly Plan[];
}

/** Of a write the rows below ModifyTable, which itself returns none. */
const rowsOf = (plan: Plan): number =>
  plan['Node Type'] === 'ModifyTable' && plan.Plans !== undefined
    ? plan.Plans.reduce((sum, below) => sum + below['Plan Rows'], 0)
    : plan['Plan Rows'];

async function largest(client: PgClient, oids: readonly number[]): Promise<number | null> {
  if (oids.length === 0) return null;
  const { rows } = await client.query<{ n: number }>(
    'SELECT max(reltuples)::float8 AS n FROM pg_class WHERE oid = ANY($1::oid[]) AND reltuples >= 0',
    [oids],
  );
  return rows[0]?.n ?? null;
}

function urlOf({ user, password, host, port, database, sslMode, sslRootCert }: TargetConfiguration): string {
  const url = new URL(`postgresql://${host.includes(':') ? `[${host}]` : host}:${port}`);
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent(password ?? '');
  url.pathname = `/${encodeURIComponent(database)}`;
  // This client knows no fallback: what would prefer TLS is asked without where nothing demands it.
  const mode = sslMode === 'prefer' ? 'disable' : sslMode;
  url.searchParams.set('sslmode', mode === 'require' ? 'no-verify' : mode);
  if (sslRootCert !== undefined && sslRootCert !== 'system') url.searchParams.set('sslrootcert', sslRootCert);
  return url.toString();
}
