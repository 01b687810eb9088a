import type { Identity } from '#libs/contracts/identity.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { MessageAnalysis, StatementAnalysis } from '#libs/sql/analysis.js';
import type { PolicyInput } from './policy.js';

/** What a statement judged again may carry itself, from the record. */
interface Extras {
  readonly fingerprint?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * What a rule's `when` can ask about. A name outside these is refused when the policy is loaded.
 * Absent values are empty strings, so that a rule never fails for want of one.
 */
export class StatementFacts {
  readonly kinds: readonly string[];
  readonly category: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** reads and writes together. */
  readonly tables: readonly string[];
  readonly functions: readonly string[];
  /** schema.table.column of what it reads and writes; empty where the catalog was not asked. */
  readonly columns: readonly string[];
  /** Of the columns, those whose name and type look like personal data. */
  readonly personalData: readonly string[];
  /** Functions of the users' that run, also through views, triggers and constraints. */
  readonly userFunctions: readonly string[];
  readonly settings: readonly string[];
  readonly traits: readonly string[];
  readonly bounded: boolean;
  readonly incomplete: boolean;
  readonly incompleteReason: string;
  /** 16 hexadecimal digits, the same for statements that differ in literals only; empty where unknown. */
  readonly fingerprint: string;
  /** sqlcommenter's pairs: what the client claims of itself. `statement.tag('agent')` is '' where absent. */
  readonly tags: ReadonlyMap<string, string>;
  /** Each rule is asked once for each of the kinds, and `kind` is that one. */
  kind: string;

  constructor(analysis: StatementAnalysis, message: MessageAnalysis) {
    const { fingerprint, tags }: StatementAnalysis & Extras = analysis;
    this.kind = analysis.kind;
    // Copies, since CEL knows a list by this realm's Array and the analysis may come from another.
    this.kinds = [...analysis.kinds];
    this.category = analysis.category;
    this.reads = [...analysis.reads];
    this.writes = [...analysis.writes];
    this.tables = [...new Set([...analysis.reads, ...analysis.writes])];
    this.functions = [...analysis.functions];
    const { resolution } = analysis;
    this.columns = [...new Set([...(resolution?.columnsRead ?? []), ...(resolution?.columnsWritten ?? [])])];
    this.personalData = [...(resolution?.personalData ?? [])];
    this.userFunctions = [...(resolution?.userFunctions ?? [])];
    this.settings = [...analysis.settings];
    this.traits = [...analysis.traits];
    this.bounded = analysis.bounded;
    this.incomplete = analysis.incomplete !== undefined;
    this.incompleteReason = analysis.incomplete ?? '';
    this.fingerprint = fingerprint ?? message.fingerprint ?? '';
    this.tags = new Map(Object.entries(tags ?? message.tags ?? {}));
  }
}

/**
 * The same for messages of which no rule can ask anything different: those that differ in literals only,
 * above all. Made of the facts themselves, so that a new one cannot be forgotten here.
 */
export function factsKey(message: MessageAnalysis): string {
  const facts = message.statements.map((statement) => new StatementFacts(statement, message));
  // JSON knows nothing of a Map.
  return JSON.stringify([facts, facts.map(({ tags }) => [...tags])]);
}

export class IdentityFacts {
  readonly name: string;
  readonly kind: string;
  readonly groups: readonly string[];
  readonly onBehalfOf: string;
  readonly issuer: string;
  readonly subject: string;

  constructor(identity: Identity) {
    this.name = identity.name;
    this.kind = identity.kind;
    this.groups = [...identity.groups];
    this.onBehalfOf = identity.onBehalfOf ?? '';
    this.issuer = identity.issuer;
    this.subject = identity.subject;
  }
}

export class TargetFacts {
  readonly name: string;
  readonly kind: string;
  readonly environment: string;
  readonly database: string;

  constructor(target: Target) {
    this.name = target.name;
    this.kind = target.kind;
    this.environment = target.environment;
    this.database = target.database;
  }
}

export class SessionFacts {
  readonly applicationName: string;
  readonly clientAddress: string;
  readonly insideTransaction: boolean;

  constructor(session: PolicyInput['session']) {
    this.applicationName = session.applicationName;
    this.clientAddress = session.clientAddress;
    this.insideTransaction = session.insideTransaction;
  }
}

const MINUTE_MS = 60_000;

/** The minute a moment lies in: conditions see no finer time, so that verdicts hold for a minute. */
export const minuteOf = (now: number): number => Math.floor(now / MINUTE_MS);

/** In the policy's time zone, but for `iso`. */
export class TimeFacts {
  /** 0 to 23. */
  readonly hour: bigint;
  /** 0 to 59. */
  readonly minute: bigint;
  /** 1 (Monday) to 7 (Sunday), as ISO 8601 counts. */
  readonly weekday: bigint;
  /** 2026-11-21 */
  readonly date: string;
  /** 2026-11-21T13:46:00.000Z: in UTC, to the minute. */
  readonly iso: string;

  constructor(now: number, clockFace: Intl.DateTimeFormat) {
    const minute = new Date(minuteOf(now) * MINUTE_MS);
    const parts = new Map(clockFace.formatToParts(minute).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
    this.date = `${part('year')}-${part('month')}-${part('day')}`;
    this.hour = BigInt(part('hour'));
    this.minute = BigInt(part('minute'));
    this.weekday = BigInt(new Date(`${this.date}T00:00:00Z`).getUTCDay() || 7);
    this.iso = minute.toISOString();
  }
}

/** Reads the clock of a time zone, for TimeFacts. Throws RangeError where there is no such zone. */
export const clockFaceOf = (timeZone: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });

/** A type, not an interface: CEL takes an indexable record. */
export type Facts = {
  readonly statement: StatementFacts;
  readonly identity: IdentityFacts;
  readonly target: TargetFacts;
  readonly session: SessionFacts;
  readonly time: TimeFacts;
};
