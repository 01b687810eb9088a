import { z } from 'zod';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';

/** How long one delivery may take before another replica may try, ms. */
export const LEASE_MS = 60_000;

export interface DueNotice {
  readonly requestId: string;
  readonly toldVersion: number;
  readonly failures: number;
}

/** Takes up to `limit` notices that are due; nobody else gets them while the lease lasts. */
export async function takeDueNotices(
  connection: CommonQueryMethods,
  notifier: string,
  limit: number,
): Promise<DueNotice[]> {
  const rows = await connection.any(
    sql.type(z.object({ request_id: z.string(), told_version: z.number(), failures: z.number() }))`
    UPDATE approvals.notices AS notice SET due_at = now() + make_interval(secs => ${LEASE_MS / 1_000})
    FROM (SELECT request_id FROM approvals.notices
      WHERE notifier = ${notifier} AND told_revision < revision AND due_at <= now()
      ORDER BY due_at LIMIT ${limit} FOR UPDATE SKIP LOCKED) AS due
    WHERE notice.notifier = ${notifier} AND notice.request_id = due.request_id
    RETURNING notice.request_id::text, notice.told_version, notice.failures`,
  );
  return rows.map((row) => ({
    requestId: row.request_id,
    toldVersion: row.told_version,
    failures: row.failures,
  }));
}

/** Notes what was told. Never goes back, so that a delivery that outlived its lease does no harm. */
export async function markTold(
  connection: CommonQueryMethods,
  notifier: string,
  requestId: string,
  told: { readonly version: number; readonly revision: bigint },
): Promise<void> {
  await connection.query(sql.unsafe`
    UPDATE approvals.notices
    SET told_version = ${told.version}, told_revision = ${told.revision}, failures = 0, due_at = now()
    WHERE notifier = ${notifier} AND request_id = ${requestId} AND told_revision < ${told.revision}`);
}

/** Tries again after so many milliseconds. */
export async function postpone(
  connection: CommonQueryMethods,
  notifier: string,
  requestId: string,
  afterMs: number,
): Promise<void> {
  await connection.query(sql.unsafe`
    UPDATE approvals.notices
    SET failures = failures + 1, due_at = now() + make_interval(secs => ${afterMs / 1_000})
    WHERE notifier = ${notifier} AND request_id = ${requestId}`);
}
