import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

const APPEND_ONLY = ['chains', 'entries', 'payloads', 'tiles', 'checkpoints', 'findings'];
const MOVING = ['chain_heads', 'consumer_offsets', 'producer_positions'];

// pg_trigger.tgtype: for each row 1, before 2, delete 8, update 16, truncate 32.
const BEFORE_UPDATE_DELETE_TRUNCATE = 58;
const BEFORE_DELETE_TRUNCATE = 42;
const BEFORE_UPDATE_OF_EACH_ROW = 19;

const REQUIRED = [
  ...APPEND_ONLY.map(
    (table) => [table, 'append_only', 'refuse_change', BEFORE_UPDATE_DELETE_TRUNCATE] as const,
  ),
  ...MOVING.map((table) => [table, 'append_only', 'refuse_change', BEFORE_DELETE_TRUNCATE] as const),
  ...MOVING.map((table) => [table, 'only_forward', 'refuse_regression', BEFORE_UPDATE_OF_EACH_ROW] as const),
];

/** Those that are not there as migrations made them, and as what each is found. */
const NOT_AS_MADE = `SELECT w.relation, w.name AS trigger,
    CASE t.tgenabled WHEN 'O' THEN 'weak' WHEN 'D' THEN 'off' WHEN 'R' THEN 'off' ELSE 'gone' END AS state
  FROM (VALUES ${REQUIRED.map(([table, name, call, type]) => `('${table}', '${name}', '${call}', ${type})`).join(', ')})
    AS w(relation, name, call, type)
  LEFT JOIN pg_catalog.pg_trigger t
    ON t.tgrelid = to_regclass('ledger.' || w.relation) AND t.tgname = w.name AND t.tgtype = w.type
      AND t.tgqual IS NULL AND t.tgattr = '' AND t.tgfoid = to_regprocedure('ledger.' || w.call || '()')
  WHERE t.tgenabled IS DISTINCT FROM 'A'
  ORDER BY 1, 2`;

export interface AlteredTrigger {
  readonly relation: string;
  readonly trigger: string;
  /**
   * gone: or it calls another function, for other events, under a condition; off: it does not fire in ordinary
   * sessions; weak: it fires, but not under session_replication_role = replica, which takes a superuser.
   */
  readonly state: 'gone' | 'off' | 'weak';
}

/** The triggers that keep the ledger append-only and are not as the migrations made them. */
export const findAlteredTriggers = (query: BulkQuery): Promise<AlteredTrigger[]> => query(NOT_AS_MADE);
