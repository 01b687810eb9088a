import type { Identity } from '#libs/contracts/identity.js';
import { sql, type CommonQueryMethods, type DatabaseTransactionConnection } from '#libs/postgres/pool.js';
import { loadEvents } from '../../event-store/load-stream.js';
import { allGroups } from '../../request/domain/quorum.js';
import type { RequestUnit } from '../../request/write/request-unit.js';
import { listedChange } from './change-document.js';
import type { ChangeEvent } from './domain/change-event.js';
import { evolveChange, type ChangeState, type PolicyChange } from './domain/change-state.js';

/** A change of policy as its stream says; `version` is how many events it has. */
export interface ChangeRecord {
  readonly id: string;
  readonly state: ChangeState;
  readonly version: number;
}

/** The transaction that events are queued in, and what they are made with. */
export interface ChangeWork {
  readonly unit: RequestUnit;
  readonly tx: DatabaseTransactionConnection;
  readonly newId: () => string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export async function loadChange(connection: CommonQueryMethods, id: string): Promise<ChangeRecord> {
  const events = await loadEvents(connection, id);
  const state = events.reduce<ChangeState>(
    (before, event) => evolveChange(before, event as ChangeEvent, Date.parse(event.time), event.identity),
    undefined,
  );
  return { id, state, version: events.length };
}

/** Queues events of one change, and the row of the read model after them. */
export function recordChange(
  { unit, tx, newId, now }: ChangeWork,
  record: ChangeRecord,
  events: readonly ChangeEvent[],
  identity?: Identity,
): ChangeRecord {
  const { id } = record;
  let { state, version } = record;
  for (const event of events) {
    version += 1;
    state = evolveChange(state, event, now, identity);
    const { type, ...fields } = event;
    unit.publish({
      id: newId(),
      type,
      key: id,
      requestId: id,
      identity,
      fields,
      place: { stream: id, version },
    });
  }
  const after = state;
  if (after !== undefined && events.length > 0) unit.afterAppend(() => save(tx, id, after));
  return { id, state, version };
}

async function save(tx: DatabaseTransactionConnection, id: string, change: PolicyChange): Promise<void> {
  const { proposal, status, expiresAt } = change;
  const due = status === 'pending' && expiresAt !== undefined ? new Date(expiresAt).toISOString() : null;
  const fromFile = proposal.type === 'policy-change.proposed' && proposal.file !== undefined;
  await tx.query(sql.unsafe`
    INSERT INTO approvals.policy_changes
      (id, state, author, groups, policy_hash, source_hash, previous_hash, from_file, due_at, view)
    VALUES (${id}, ${status}, ${proposal.author}, ${sql.array(allGroups(proposal.needed), 'text')},
      ${proposal.policyHash}, ${proposal.sourceHash}, ${proposal.previousHash}, ${fromFile},
      ${due}::timestamptz, ${JSON.stringify(listedChange(id, change))})
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, due_at = excluded.due_at, view = excluded.view`);
}
