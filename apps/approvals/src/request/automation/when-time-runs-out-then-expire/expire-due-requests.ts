import { z } from 'zod';
import type { Clock } from '#libs/kernel/clock.js';
import type { Logger } from '#libs/observability/logger.js';
import { sql, type DatabasePool } from '#libs/postgres/pool.js';
import type { RequestExecutor } from '../../write/request-executor.js';

const LONGEST_PAUSE_MS = 1_000;
const AT_ONCE = 100;

/**
 * Expires every request whose hold, or whose unused grant, is over. Returns how long to wait before
 * looking again, ms. Looks at the table each time, so it needs no memory of what was scheduled and may
 * run in any number of replicas: whether time has run out is judged again with each command.
 */
export async function expireDueRequests(
  pool: DatabasePool,
  executor: RequestExecutor,
  clock: Clock,
  logger: Logger,
): Promise<number> {
  const rows = await pool.any(sql.type(z.object({ id: z.string(), due: z.number() }))`
    SELECT id::text, round(extract(epoch FROM due_at) * 1000)::float8 AS due
    FROM approvals.requests WHERE due_at IS NOT NULL ORDER BY due_at LIMIT ${AT_ONCE}`);
  let failed = 0;
  for (const { id, due } of rows) {
    const left = due - clock.now();
    if (left > 0) return Math.min(left, LONGEST_PAUSE_MS);
    // One request that cannot be read must not keep the others open.
    await executor.execute(id, { type: 'expire' }, {}).catch((err: unknown) => {
      failed += 1;
      logger.error({ err, requestId: id }, 'a request could not be expired');
    });
  }
  return rows.length === AT_ONCE && failed === 0 ? 0 : LONGEST_PAUSE_MS;
}
