import { parseEvent, type AnyEvent, type EventOf } from '#libs/contracts/events/registry.js';
import { isUuid } from '#libs/kernel/uuid.js';
import {
  DECISION_TYPES,
  decisionOf,
  INTENT,
  INTENT_COLUMNS,
  intentColumns,
  isChange,
  OUTCOME,
  OUTCOME_COLUMNS,
  outcomeColumns,
  REGISTER,
  REGISTER_TOPICS,
} from '#libs/ledger/changes-register.js';
import { POISON_TYPE } from '#libs/ledger/event-columns.js';
import { uuidArray } from '#libs/postgres/binary-array.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { ProjectedEntry, Projection } from '../projection.js';

/** An entry that the register may have to take note of, and what decides whether it does. */
interface Candidate {
  readonly entry: ProjectedEntry;
  /** Of an outcome: whose it is. */
  readonly intentId?: string;
  readonly relevant: boolean;
}

/**
 * The register of changes: who changed what, by which rule, who approved it and how it ended. Intent and
 * outcome come from one producer on one partition, so the intent is always first; what approvals decided
 * comes on another chain at any time and is stored on its own.
 *
 * Nearly every statement is a read, which is not in the register: those are told apart by a look at two
 * fields, and all outcomes of a batch by one query.
 */
export const changesProjection: Projection = {
  name: REGISTER,
  topics: REGISTER_TOPICS,

  async apply(query, entries) {
    const candidates = entries.map(candidateOf);
    const registered = await findRegistered(query, candidates);
    let taken = 0;
    for (const { entry, intentId, relevant } of candidates) {
      if (entry.type === POISON_TYPE)
        return { taken, problem: 'a record that could not be read was sealed here' };
      if (relevant || (intentId !== undefined && registered.has(intentId))) {
        const parsed = parseEvent(entry.payload);
        if (!parsed.ok) return { taken, problem: parsed.problem };
        await store(query, entry, parsed.event);
        if (parsed.event.type === INTENT) registered.add(parsed.event.id);
      }
      taken += 1;
    }
    return { taken };
  },
};

/** What cannot be looked at counts as relevant: reading it whole says what is wrong. */
function candidateOf(entry: ProjectedEntry): Candidate {
  if (DECISION_TYPES.includes(entry.type)) return { entry, relevant: true };
  if (entry.type !== INTENT && entry.type !== OUTCOME) return { entry, relevant: false };
  const event = glance(entry.payload);
  if (entry.type === INTENT) {
    const { category, effect } = { ...event?.statement, ...event?.verdict };
    const isClear = typeof category === 'string' && typeof effect === 'string';
    return { entry, relevant: !isClear || isChange(category, effect) };
  }
  const intentId = event?.intentId;
  return typeof intentId === 'string' && isUuid(intentId)
    ? { entry, relevant: false, intentId }
    : { entry, relevant: true };
}

interface Glance {
  readonly statement?: { readonly category?: unknown };
  readonly verdict?: { readonly effect?: unknown };
  readonly intentId?: unknown;
}

function glance(payload: Buffer): Glance | undefined {
  try {
    return JSON.parse(payload.toString('utf8')) as Glance;
  } catch {
    return undefined;
  }
}

/** Which of the outcomes belong to intents that earlier batches have put into the register. */
async function findRegistered(query: BulkQuery, candidates: readonly Candidate[]): Promise<Set<string>> {
  const ids = candidates.flatMap(({ intentId }) => (intentId === undefined ? [] : [intentId]));
  if (ids.length === 0) return new Set();
  const rows = await query<{ intent_id: string }>(
    'SELECT intent_id FROM projections.changes_v1 WHERE intent_id = ANY($1)',
    [uuidArray(ids)],
    'changes-registered',
  );
  return new Set(rows.map((row) => row.intent_id));
}

function store(query: BulkQuery, entry: ProjectedEntry, event: AnyEvent): Promise<unknown> {
  if (event.type === INTENT) return storeIntent(query, entry, event);
  if (event.type === OUTCOME) return storeOutcome(query, event);
  return storeDecision(query, event);
}

async function storeIntent(
  query: BulkQuery,
  entry: ProjectedEntry,
  event: EventOf<typeof INTENT>,
): Promise<void> {
  if (!isChange(event.statement.category, event.verdict.effect)) return;
  const columns = intentColumns(event, entry);
  await query(
    `INSERT INTO projections.changes_v1 (${INTENT_COLUMNS.join(', ')})
     VALUES (${INTENT_COLUMNS.map((_, index) => `$${index + 1}`).join(', ')})
     ON CONFLICT (intent_id) DO NOTHING`,
    INTENT_COLUMNS.map((name) => columns[name]),
    'changes-intent',
  );
}

async function storeOutcome(query: BulkQuery, event: EventOf<typeof OUTCOME>): Promise<void> {
  const columns = outcomeColumns(event);
  await query(
    `UPDATE projections.changes_v1 SET ${OUTCOME_COLUMNS.map((name, index) => `${name} = $${index + 2}`).join(', ')}
     WHERE intent_id = $1`,
    [event.intentId, ...OUTCOME_COLUMNS.map((name) => columns[name])],
    'changes-outcome',
  );
}

async function storeDecision(query: BulkQuery, event: AnyEvent): Promise<void> {
  const decided = decisionOf(event);
  if (decided === undefined) return;
  await query(
    `INSERT INTO projections.change_decisions_v1 (request_id, decision, decided_by, decided_at, reason)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (request_id) DO UPDATE SET decision = excluded.decision, decided_at = excluded.decided_at,
       reason = excluded.reason, decided_by = CASE WHEN excluded.decided_by = '{}'
         THEN change_decisions_v1.decided_by ELSE excluded.decided_by END`,
    [decided.requestId, decided.decision, decided.decidedBy, decided.decidedAt, decided.reason],
    'changes-decision',
  );
}
