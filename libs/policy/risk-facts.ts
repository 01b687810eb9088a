import { Environment } from '@marcbachmann/cel-js';
import type { Signals } from '#libs/contracts/events/signals.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
import type { Identity } from '#libs/contracts/identity.js';
import { CEL_LIMITS } from './cel-limits.js';

/** All that an assessment is made from. The same input under the same policy gives the same bytes. */
export interface RiskInput {
  readonly statement: EventOf<'request.requested'>['statement'];
  readonly requester: Identity;
  readonly target: Target;
  /** The rule that asks for review. */
  readonly rule: string;
  /** undefined where the gateway measured nothing: the strictest case. */
  readonly signals: Signals | undefined;
  /** Whether the directory knows the requester, as the kind of actor the token says. */
  readonly verified: boolean;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** More rows than any table has: what an estimate that is missing counts as. */
const ALL_ROWS = 9_007_199_254_740_991n;

class RiskStatement {
  readonly kind: string;
  readonly kinds: readonly string[];
  readonly category: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly tables: readonly string[];
  readonly functions: readonly string[];
  /** False where it is not known. */
  readonly bounded: boolean;
  readonly incomplete: boolean;

  constructor(statement: RiskInput['statement']) {
    this.kind = statement.kind;
    this.kinds = [...statement.kinds];
    this.category = statement.category;
    this.reads = [...(statement.reads ?? [])];
    this.writes = [...(statement.writes ?? [])];
    this.tables = [...new Set([...this.reads, ...this.writes])];
    this.functions = [...(statement.functions ?? [])];
    this.bounded = statement.bounded ?? false;
    this.incomplete = statement.incomplete !== undefined;
  }
}

/** What is not known has the strictest value here, so that a rule need not ask whether it is known. */
class RiskSignals {
  /** Whether the planner gave an estimate; without one `rows` and `share` are the largest there are. */
  readonly estimated: boolean;
  readonly rows: bigint;
  readonly tableRows: bigint;
  readonly share: number;
  readonly locks: readonly string[];
  readonly locksHeld: readonly string[];
  readonly reversible: boolean;
  readonly touchesPersonalData: boolean;
  readonly personalData: readonly string[];
  readonly rowCeiling: boolean;

  constructor(signals: Signals | undefined) {
    const estimate = signals?.estimatedRows ?? undefined;
    this.estimated = estimate !== undefined;
    this.rows = whole(estimate);
    this.tableRows = whole(signals?.tableRows ?? undefined);
    this.share = estimate === undefined ? 1 : (signals?.share ?? 1);
    this.locks = signals === undefined ? ['AccessExclusiveLock'] : signals.locks.map(({ mode }) => mode);
    this.locksHeld = signals?.locksHeld.map(({ mode }) => mode) ?? [];
    this.reversible = signals?.reversible === 'yes';
    const personal = signals?.personalData ?? undefined;
    this.touchesPersonalData = personal === undefined || personal.length > 0;
    this.personalData = [...(personal ?? [])];
    this.rowCeiling = signals?.rowCeiling === 'guaranteed';
  }
}

const whole = (rows: number | undefined): bigint =>
  rows === undefined ? ALL_ROWS : BigInt(Math.min(Math.ceil(rows), Number(ALL_ROWS)));

class RiskIdentity {
  readonly name: string;
  readonly kind: string;
  readonly groups: readonly string[];
  readonly onBehalfOf: string;
  readonly verified: boolean;

  constructor({ requester, verified }: RiskInput) {
    this.name = requester.name;
    this.kind = requester.kind;
    this.groups = [...requester.groups];
    this.onBehalfOf = requester.onBehalfOf ?? '';
    this.verified = verified;
  }
}

class RiskTarget {
  readonly name: string;
  readonly environment: string;
  readonly database: string;

  constructor({ name, environment, database }: Target) {
    this.name = name;
    this.environment = environment;
    this.database = database;
  }
}

/** In UTC. */
class RiskTime {
  /** 0 to 23. */
  readonly hour: bigint;
  /** 1 (Monday) to 7 (Sunday). */
  readonly weekday: bigint;

  constructor(at: number) {
    const date = new Date(at);
    this.hour = BigInt(date.getUTCHours());
    this.weekday = BigInt(date.getUTCDay() === 0 ? 7 : date.getUTCDay());
  }
}

/** What came out of the rules, for the actions. */
export class RiskSoFar {
  readonly score: bigint;

  constructor(
    score: number,
    readonly level: string,
  ) {
    this.score = BigInt(score);
  }
}

export type RiskFacts = Readonly<Record<string, unknown>>;

export const riskFacts = (input: RiskInput): RiskFacts => ({
  statement: new RiskStatement(input.statement),
  signals: new RiskSignals(input.signals),
  identity: new RiskIdentity(input),
  target: new RiskTarget(input.target),
  time: new RiskTime(input.at),
  rule: input.rule,
});

const TEXTS = 'list<string>';

/** The CEL environment of risk rules; nothing undeclared, bounded in size. */
export const riskEnvironment = new Environment({
  unlistedVariablesAreDyn: false,
  limits: CEL_LIMITS,
})
  .registerType('RiskStatement', {
    ctor: RiskStatement,
    fields: {
      kind: 'string',
      kinds: TEXTS,
      category: 'string',
      reads: TEXTS,
      writes: TEXTS,
      tables: TEXTS,
      functions: TEXTS,
      bounded: 'bool',
      incomplete: 'bool',
    },
  })
  .registerType('RiskSignals', {
    ctor: RiskSignals,
    fields: {
      estimated: 'bool',
      rows: 'int',
      tableRows: 'int',
      share: 'double',
      locks: TEXTS,
      locksHeld: TEXTS,
      reversible: 'bool',
      touchesPersonalData: 'bool',
      personalData: TEXTS,
      rowCeiling: 'bool',
    },
  })
  .registerType('RiskIdentity', {
    ctor: RiskIdentity,
    fields: { name: 'string', kind: 'string', groups: TEXTS, onBehalfOf: 'string', verified: 'bool' },
  })
  .registerType('RiskTarget', {
    ctor: RiskTarget,
    fields: { name: 'string', environment: 'string', database: 'string' },
  })
  .registerType('RiskTime', { ctor: RiskTime, fields: { hour: 'int', weekday: 'int' } })
  .registerType('RiskSoFar', { ctor: RiskSoFar, fields: { score: 'int', level: 'string' } })
  .registerVariable('statement', 'RiskStatement')
  .registerVariable('signals', 'RiskSignals')
  .registerVariable('identity', 'RiskIdentity')
  .registerVariable('target', 'RiskTarget')
  .registerVariable('time', 'RiskTime')
  .registerVariable('rule', 'string')
  .registerVariable('risk', 'RiskSoFar');
