import { z } from 'zod';
import type { Logger } from '#libs/observability/logger.js';
import { sql, type DatabasePool } from '#libs/postgres/pool.js';
import { loadStream } from '../../../event-store/load-stream.js';
import type { ReviewPlanner } from '../../../routing/review-planner.js';
import type { RequestExecutor } from '../../write/request-executor.js';

/**
 * Routes the requests that wait for a policy that has become known since. Those whose policy still is
 * not known, or names no such rule, go on waiting until their hold ends. `reported` belongs to the caller:
 * what was said of once is not said of each second. Harmless in any number of replicas.
 */
export async function routeWaitingRequests(
  pool: DatabasePool,
  executor: RequestExecutor,
  planner: ReviewPlanner,
  logger: Logger,
  reported: Set<string>,
): Promise<void> {
  const rows = await pool.any(sql.type(z.object({ id: z.string() }))`
    SELECT id::text FROM approvals.requests AS request
    WHERE NOT routed AND state = 'pending'
      AND EXISTS (SELECT 1 FROM approvals.publications AS known WHERE known.hash = request.policy_hash)
    ORDER BY ordinal LIMIT 100`);
  for (const { id } of rows) {
    const [requested] = await loadStream(pool, id);
    if (requested?.type !== 'request.requested') continue;
    const planned = await planner.plan(requested);
    if (planned.kind === 'plan') await executor.execute(id, { type: 'route', plan: planned.plan }, {});
    else if (!reported.has(id)) {
      reported.add(id);
      const { rule, policyHash } = requested.verdict;
      logger.error({ requestId: id, policyHash, rule }, 'a waiting request names a rule its policy lacks');
    }
  }
}
