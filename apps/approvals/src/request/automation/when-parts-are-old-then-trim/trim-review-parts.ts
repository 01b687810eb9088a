import { sql, type DatabasePool } from '#libs/postgres/pool.js';

/** A question comes right after its parts, and again where the log delivers it twice. Days. */
const PART_LIFETIME_DAYS = 2;
const AT_ONCE = 1_000;
const PAUSE_MS = 3_600_000;

/** Forgets parts of long questions, a batch at a time. Returns how long to wait before the next, ms. */
export async function trimReviewParts(pool: DatabasePool): Promise<number> {
  const { rowCount } = await pool.query(sql.unsafe`
    DELETE FROM approvals.review_parts WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM approvals.review_parts
      WHERE at < now() - make_interval(days => ${PART_LIFETIME_DAYS}) LIMIT ${AT_ONCE}))`);
  return rowCount === AT_ONCE ? 1_000 : PAUSE_MS;
}
