import { sql, type DatabasePool } from '#libs/postgres/pool.js';

/** A client's key is remembered for so long: no request is open for longer. Days. */
export const KEY_LIFETIME_DAYS = 30;

const AT_ONCE = 10_000;
const PAUSE_MS = 3_600_000;

/** Forgets old client keys, a batch at a time. Returns how long to wait before the next, ms. */
export async function trimClientKeys(pool: DatabasePool): Promise<number> {
  const { rowCount } = await pool.query(sql.unsafe`
    DELETE FROM approvals.commands WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM approvals.commands
      WHERE at < now() - make_interval(days => ${KEY_LIFETIME_DAYS}) LIMIT ${AT_ONCE}))`);
  return rowCount === AT_ONCE ? 1_000 : PAUSE_MS;
}
