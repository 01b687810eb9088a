import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import type { StoredEvent } from '../../event-store/load-stream.js';
import { dueAt } from '../domain/deadline.js';
import { evolve, type RequestState } from '../domain/request-state.js';
import { projectRequest, type RequestView } from '../read/request-view.js';

/** Writes the read model of one request from its whole stream, in the transaction that appended to it. */
export async function saveRequest(tx: CommonQueryMethods, stream: readonly StoredEvent[]): Promise<void> {
  const view = stream.reduce<RequestView | undefined>(projectRequest, undefined);
  const state = stream.reduce<RequestState>(evolve, undefined);
  if (view === undefined || state === undefined) return;
  const due = dueAt(state);
  await tx.query(sql.unsafe`
    INSERT INTO approvals.requests
      (id, version, state, requester, reviewer_groups, policy_hash, rule, routed, due_at, view)
    VALUES (
      ${view.id}, ${stream.length}, ${view.state}, ${view.requester},
      ${sql.array(
        view.reviewers.map((place) => place.group),
        'text',
      )},
      ${view.policyHash}, ${view.rule}, ${view.needed !== null},
      ${due === undefined ? null : new Date(due).toISOString()}::timestamptz, ${JSON.stringify(view)})
    ON CONFLICT (id) DO UPDATE SET
      version = excluded.version, state = excluded.state, reviewer_groups = excluded.reviewer_groups,
      routed = excluded.routed, due_at = excluded.due_at, view = excluded.view
    WHERE requests.version < excluded.version`);
}
