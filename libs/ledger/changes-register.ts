import type { AnyEvent, EventOf } from '#libs/contracts/events/registry.js';

// The register of changes as it follows from the ledger: audit stores these rows, the verifier compares them.

/** The projection's name, and the topics it reads. */
export const REGISTER = 'changes_v1';
export const REGISTER_TOPICS = ['statements', 'approvals'] as const;

export const INTENT = 'statement.intent-recorded';
export const OUTCOME = 'statement.outcome-recorded';

type Intent = EventOf<typeof INTENT>;
type Outcome = EventOf<typeof OUTCOME>;

/** What changes something, besides everything that a person had to review. */
const CHANGING: readonly string[] = ['write', 'ddl', 'dcl', 'code'];

export const isChange = (category: string, effect: unknown): boolean =>
  CHANGING.includes(category) || effect === 'review';

const DECISIONS: Readonly<Record<string, string>> = {
  'request.granted': 'granted',
  'request.refused': 'refused',
  'request.expired': 'expired',
  'request.cancelled': 'cancelled',
  'request.revoked': 'revoked',
};

export const DECISION_TYPES: readonly string[] = Object.keys(DECISIONS);

/** Values of a row by column, as PostgreSQL writes them in text. */
export type Columns<C extends string> = Readonly<Record<C, string | null>>;

export const INTENT_COLUMNS = [
  'intent_id',
  'chain',
  'seq',
  'intended_at',
  'request_id',
  'session_id',
  'who',
  'who_kind',
  'on_behalf_of',
  'target',
  'environment',
  'database',
  'kind',
  'category',
  'statement_sha256',
  'statement_text',
  'rule',
  'effect',
  'policy_version',
] as const;

export const OUTCOME_COLUMNS = ['outcome', 'outcome_at', 'rows', 'sqlstate', 'reason'] as const;

type IntentColumns = Columns<(typeof INTENT_COLUMNS)[number]>;
export type OutcomeColumns = Columns<(typeof OUTCOME_COLUMNS)[number]>;

/** What the register says of an intent that is a change, sealed at this place. */
export function intentColumns(event: Intent, place: { chain: number; seq: bigint }): IntentColumns {
  const { statement, target, verdict, identity } = event;
  return {
    intent_id: event.id,
    chain: String(place.chain),
    seq: String(place.seq),
    intended_at: microseconds(event.time),
    request_id: event.requestId ?? null,
    session_id: event.sessionId ?? null,
    who: storable(identity?.name),
    who_kind: identity?.kind ?? null,
    on_behalf_of: storable(identity?.onBehalfOf),
    target: storable(target.name),
    environment: storable(target.environment),
    database: storable(target.database),
    kind: storable(statement.kind),
    category: statement.category,
    statement_sha256: statement.sha256,
    statement_text: storable(statement.text),
    rule: storable(verdict.rule),
    effect: verdict.effect,
    policy_version: String(verdict.policyVersion),
  };
}

export const outcomeColumns = (event: Outcome): OutcomeColumns => ({
  outcome: event.outcome,
  outcome_at: microseconds(event.time),
  rows: event.rows === undefined ? null : String(event.rows),
  sqlstate: event.sqlstate ?? null,
  reason: storable(event.reason),
});

/** What approvals decided on a request. A later decision replaces an earlier one, which may have named more people. */
export interface RegisteredDecision {
  readonly requestId: string;
  readonly decision: string;
  readonly decidedBy: readonly (string | null)[];
  /** Microseconds since 1970. */
  readonly decidedAt: string;
  readonly reason: string | null;
}

/** undefined for an event that decides nothing. */
export function decisionOf(event: AnyEvent): RegisteredDecision | undefined {
  const decision = DECISIONS[event.type];
  if (decision === undefined || event.requestId === undefined) return undefined;
  const decidedBy =
    'decidedBy' in event ? (event.decidedBy ?? []) : event.type === 'request.revoked' ? [event.by.name] : [];
  const reason = 'reason' in event ? event.reason : undefined;
  return {
    requestId: event.requestId,
    decision,
    decidedBy: decidedBy.map((name) => storable(name)),
    decidedAt: microseconds(event.time),
    reason: storable(typeof reason === 'string' ? reason : undefined),
  };
}

const microseconds = (time: string): string => String(BigInt(Date.parse(time)) * 1000n);

/** PostgreSQL's text takes no NUL; the sealed bytes keep it. */
const storable = (text: string | undefined): string | null =>
  text === undefined ? null : text.replaceAll('\u0000', '\ufffd').toWellFormed();
