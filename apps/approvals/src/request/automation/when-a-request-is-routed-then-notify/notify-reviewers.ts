import { z } from 'zod';
import type { Directory } from '#libs/identity/directory.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Logger } from '#libs/observability/logger.js';
import { sql, type DatabasePool } from '#libs/postgres/pool.js';
import { loadStream } from '../../../event-store/load-stream.js';
import { COMPLIANCE_GROUP } from '../../domain/eligibility.js';
import { nextStep } from '../../domain/next-step.js';
import { allGroups } from '../../domain/quorum.js';
import type { Request } from '../../domain/request-state.js';
import { openGroups } from '../../domain/turn.js';
import { replay } from '../../write/replay.js';
import type { RequestExecutor } from '../../write/request-executor.js';

const LONGEST_PAUSE_MS = 1_000;
const AT_ONCE = 50;

export interface NotifyTools {
  readonly pool: DatabasePool;
  readonly executor: RequestExecutor;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The most people that are told of one request one by one. */
  readonly limit: number;
}

/**
 * Tells reviewers, by events, that requests wait for them: first, when it is their turn, when nobody
 * decided in time, and again. Who they are is counted from the directory before anybody is told. Returns
 * how long to wait before looking again, ms. Looks at the table each time, and each command is judged
 * again by time and state, so any number of replicas may run it.
 */
export async function notifyReviewers(tools: NotifyTools): Promise<number> {
  const { pool, clock, logger } = tools;
  const rows = await pool.any(sql.type(z.object({ id: z.string(), at: z.number() }))`
    SELECT id::text, round(extract(epoch FROM step_at) * 1000)::float8 AS at
    FROM approvals.requests WHERE step_at IS NOT NULL AND state = 'pending'
    ORDER BY step_at LIMIT ${AT_ONCE}`);
  let failed = 0;
  for (const { id, at } of rows) {
    const left = at - clock.now();
    if (left > 0) return Math.min(left, LONGEST_PAUSE_MS);
    // A directory that cannot be read, or one bad request, must not keep the others from being told.
    await notifyOne(tools, id).catch((err: unknown) => {
      failed += 1;
      logger.error({ err, requestId: id }, 'reviewers could not be told of a request');
    });
  }
  return rows.length === AT_ONCE && failed === 0 ? 0 : LONGEST_PAUSE_MS;
}

async function notifyOne({ pool, executor, directory, limit }: NotifyTools, id: string): Promise<void> {
  const state = replay(await loadStream(pool, id));
  const step = state === undefined ? undefined : nextStep(state);
  if (state === undefined || step === undefined) return;
  if (step.step === 'escalated') {
    const next = state.route?.escalations?.[state.route.quorums.length - 1];
    const people = await eligiblePeople(directory, state, allGroups(next?.needed ?? []));
    await executor.execute(id, { type: 'escalate', people, limit }, {});
    return;
  }
  const groups = openGroups(state);
  const people = await eligiblePeople(directory, state, groups);
  await executor.execute(id, { type: 'notify', step: step.step, groups, people, limit }, {});
}

/** The people of these groups who may decide: nobody who asks, owns the agent that asks, or has voted. */
async function eligiblePeople(
  directory: Directory,
  state: Request,
  groups: readonly string[],
): Promise<string[]> {
  const { requester } = state;
  const owner = (await directory.find(requester.name))?.owner;
  const names = new Set<string>();
  for (const group of groups) {
    for (const person of await directory.membersOf(group)) {
      const barred =
        person.kind !== 'human' ||
        person.groups.includes(COMPLIANCE_GROUP) ||
        [requester.name, requester.onBehalfOf, owner].includes(person.name) ||
        state.votes.some(({ voter }) => voter.name === person.name);
      if (!barred) names.add(person.name);
    }
  }
  return [...names].sort();
}
