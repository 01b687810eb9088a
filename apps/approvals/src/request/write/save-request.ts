import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import type { StoredEvent } from '../../event-store/load-stream.js';
import { dueAt } from '../domain/deadline.js';
import { nextStep } from '../domain/next-step.js';
import { allGroups } from '../domain/quorum.js';
import { projectRequest, type RequestView } from '../read/request-view.js';
import { replay } from './replay.js';

/** Writes the read model of one request from its whole stream, in the transaction that appended to it. */
export async function saveRequest(tx: CommonQueryMethods, stream: readonly StoredEvent[]): Promise<void> {
  const view = stream.reduce<RequestView | undefined>(projectRequest, undefined);
  const state = replay(stream);
  if (view === undefined || state === undefined) return;
  const due = dueAt(state);
  const step = nextStep(state);
  const groups = [...new Set((state.route?.quorums ?? []).flatMap((quorum) => allGroups(quorum)))];
  await tx.query(sql.unsafe`
    INSERT INTO approvals.requests
      (id, version, state, requester, reviewer_groups, policy_hash, rule, routed, due_at, view,
       retry_digest, step_at)
    VALUES (
      ${view.id}, ${stream.length}, ${view.state}, ${view.requester},
      ${sql.array(groups, 'text')},
      ${view.policyHash}, ${view.rule}, ${view.needed !== null},
      ${due === undefined ? null : new Date(due).toISOString()}::timestamptz, ${JSON.stringify(view)},
      ${state.wait === 'retry' ? state.digest : null},
      ${step === undefined ? null : new Date(step.at).toISOString()}::timestamptz)
    ON CONFLICT (id) DO UPDATE SET
      version = excluded.version, state = excluded.state, reviewer_groups = excluded.reviewer_groups,
      routed = excluded.routed, due_at = excluded.due_at, view = excluded.view,
      step_at = excluded.step_at
    WHERE requests.version < excluded.version`);
}
