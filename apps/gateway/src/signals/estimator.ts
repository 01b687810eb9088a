import type { TargetConfiguration } from '#libs/contracts/targets.js';
import { hasCode, messageOf } from '#libs/kernel/coded-error.js';
import { explainText, planRows } from '#libs/sql/signals/explain.js';
import { ControlConnection } from '../catalog/control-connection.js';
import type { ControlQuery } from '../catalog/query-frames.js';

/** Whatever is asked for more has no estimate: a hold must not wait for it. */
const LIMIT_MS = 1_400;
const CONNECT_MS = 1_000;

/** Nothing is written, nothing waits, nothing takes long, whatever the role's own settings say. */
const SETTINGS = [
  ['application_name', 'countersign estimates'],
  ['default_transaction_read_only', 'on'],
  ['statement_timeout', '1s'],
  ['lock_timeout', '200ms'],
  ['client_encoding', 'UTF8'],
  ['standard_conforming_strings', 'on'],
] as const;

export type Estimate =
  { readonly ok: true; readonly rows: number } | { readonly ok: false; readonly why: string };

/**
 * Asks the planner, as the role that sessions have, on a READ ONLY connection of our own: EXPLAIN by the
 * extended protocol, which takes one command, never with ANALYZE. One question at a time; who comes while
 * another is under way gets no estimate. What fails is told as a reason and never thrown.
 */
export class Estimator {
  private connection: ControlConnection | undefined;
  private busy = false;

  constructor(
    private readonly target: TargetConfiguration,
    private readonly database: string,
  ) {}

  /** `queries` are single statements, with the parameters they are bound to; their rows are added up. */
  estimate(searchPath: string, queries: readonly ControlQuery[]): Promise<Estimate> {
    return this.exclusively(async (connection) => {
      await connection.query(
        {
          text: "SELECT pg_catalog.set_config('search_path', $1, false)",
          parameters: [Buffer.from(searchPath)],
        },
        LIMIT_MS,
      );
      let rows = 0;
      for (const query of queries) {
        const [[plan] = []] = await connection.query({ ...query, text: explainText(query.text) }, LIMIT_MS);
        const estimated = planRows(plan ?? '[]');
        if (estimated === undefined) return { ok: false, why: 'the server gave no plan' };
        rows += estimated;
      }
      return { ok: true, rows };
    });
  }

  /** Rows of the largest of these relations, partitions counted, as last analysed; undefined: not known. */
  async largest(oids: readonly number[]): Promise<number | undefined> {
    if (oids.length === 0) return undefined;
    const found = await this.exclusively(async (connection) => {
      const [[rows] = []] = await connection.query(
        { text: ROWS_QUERY, parameters: [Buffer.from(`{${oids.join(',')}}`)] },
        LIMIT_MS,
      );
      return rows === null || rows === undefined
        ? { ok: false, why: 'never analysed' }
        : { ok: true, rows: Number(rows) };
    });
    return found.ok ? found.rows : undefined;
  }

  close(): void {
    this.connection?.close();
  }

  private async exclusively(work: (connection: ControlConnection) => Promise<Estimate>): Promise<Estimate> {
    if (this.busy) return { ok: false, why: 'the planner is busy with another estimate' };
    this.busy = true;
    try {
      if (this.connection?.alive !== true)
        this.connection = await ControlConnection.open(this.target, this.database, SETTINGS, CONNECT_MS);
      return await work(this.connection);
    } catch (error) {
      if (hasCode(error, 'QUERY_FAILED'))
        return { ok: false, why: `EXPLAIN failed with SQLSTATE ${messageOf(error)}` };
      return { ok: false, why: 'the target did not answer EXPLAIN in time' };
    } finally {
      this.busy = false;
    }
  }
}

// As the planner counts: rows to a page as last analysed, times the pages of now.
const ROWS_QUERY = `/* countersign: table sizes */
SELECT pg_catalog.max(s.rows) FROM (
  SELECT (SELECT pg_catalog.sum(CASE WHEN x.relpages OPERATOR(pg_catalog.>) 0
            THEN x.reltuples::pg_catalog.float8
                 OPERATOR(pg_catalog.*) (pg_catalog.pg_relation_size(x.oid)
                   OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::pg_catalog.int8)::pg_catalog.float8
                 OPERATOR(pg_catalog./) x.relpages::pg_catalog.float8
            ELSE pg_catalog.pg_stat_get_live_tuples(x.oid)::pg_catalog.float8 END)::pg_catalog.int8
            FROM pg_catalog.pg_class x
           WHERE x.reltuples OPERATOR(pg_catalog.>=) 0 AND (x.oid OPERATOR(pg_catalog.=) c.oid
              OR x.oid OPERATOR(pg_catalog.=) ANY (SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) t WHERE t.isleaf))) AS rows
    FROM pg_catalog.pg_class c
   WHERE c.oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[]) AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m}'::pg_catalog."char"[])) s`;
