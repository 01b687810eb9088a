import { parseEvent, type AnyEvent, type EventOf } from '#libs/contracts/events/registry.js';
import {
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
import { ChangesSieve } from './changes-sieve.js';
import { lookAt, type Look } from './look-at.js';

interface Candidate {
  readonly entry: ProjectedEntry;
  readonly look: Look;
}

/**
 * The register of changes: who changed what, by which rule, who approved it and how it ended. Intent and
 * outcome come from one producer on one partition, so the intent is always first; what approvals decided
 * comes on another chain at any time and is stored on its own.
 *
 * Nearly every statement is a read, which is not in the register: those are told apart by a look at two
 * fields, while they are sealed (ChangesSieve) or here, and all outcomes of a batch by one query.
 */
export const changesProjection: Projection = {
  name: REGISTER,
  topics: REGISTER_TOPICS,
  newSieve: () => new ChangesSieve(),

  async apply(query, entries) {
    const candidates = entries.map(candidateOf);
    const registered = await findRegistered(query, candidates);
    let taken = 0;
    for (const { entry, look } of candidates) {
      if (entry.type === POISON_TYPE)
        return { taken, problem: 'a record that could not be read was sealed here' };
      if (look === 'concern' || (look !== 'no concern' && registered.has(look.outcomeOf))) {
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

/** What cannot be looked at is a concern: reading it whole says what is wrong. */
function candidateOf(entry: ProjectedEntry): Candidate {
  const isLookedInto = entry.type === INTENT || entry.type === OUTCOME;
  return { entry, look: lookAt(entry.type, isLookedInto ? contentOf(entry.payload) : undefined) };
}

function contentOf(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Which of the outcomes belong to intents that earlier batches have put into the register. */
async function findRegistered(query: BulkQuery, candidates: readonly Candidate[]): Promise<Set<string>> {
  const ids = candidates.flatMap(({ look }) => (typeof look === 'string' ? [] : [look.outcomeOf]));
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
