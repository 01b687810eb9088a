import { Environment } from '@marcbachmann/cel-js';
import type { Identity } from '#libs/contracts/identity.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { StatementAnalysis } from '#libs/sql/analysis.js';
import type { PolicyInput } from './policy.js';

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
  readonly settings: readonly string[];
  readonly traits: readonly string[];
  readonly bounded: boolean;
  readonly incomplete: boolean;
  readonly incompleteReason: string;
  /** Each rule is asked once for each of the kinds, and `kind` is that one. */
  kind: string;

  constructor(analysis: StatementAnalysis) {
    this.kind = analysis.kind;
    // Copies, since CEL knows a list by this realm's Array and the analysis may come from another.
    this.kinds = [...analysis.kinds];
    this.category = analysis.category;
    this.reads = [...analysis.reads];
    this.writes = [...analysis.writes];
    this.tables = [...new Set([...analysis.reads, ...analysis.writes])];
    this.functions = [...analysis.functions];
    this.settings = [...analysis.settings];
    this.traits = [...analysis.traits];
    this.bounded = analysis.bounded;
    this.incomplete = analysis.incomplete !== undefined;
    this.incompleteReason = analysis.incomplete ?? '';
  }
}

export class IdentityFacts {
  readonly name: string;
  readonly kind: string;
  readonly groups: readonly string[];
  readonly onBehalfOf: string;

  constructor(identity: Identity) {
    this.name = identity.name;
    this.kind = identity.kind;
    this.groups = [...identity.groups];
    this.onBehalfOf = identity.onBehalfOf ?? '';
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

/** All in UTC. */
export class TimeFacts {
  /** 0 to 23. */
  readonly hour: bigint;
  /** 1 (Monday) to 7 (Sunday), as ISO 8601 counts. */
  readonly weekday: bigint;
  /** 2026-11-21T13:46:51.000Z */
  readonly iso: string;

  constructor(now: number) {
    const date = new Date(now);
    this.hour = BigInt(date.getUTCHours());
    this.weekday = BigInt(date.getUTCDay() === 0 ? 7 : date.getUTCDay());
    this.iso = date.toISOString();
  }
}

/** A type, not an interface: CEL takes an indexable record. */
export type Facts = {
  readonly statement: StatementFacts;
  readonly identity: IdentityFacts;
  readonly target: TargetFacts;
  readonly session: SessionFacts;
  readonly time: TimeFacts;
};

const TEXTS = 'list<string>';

/** The CEL environment of every rule: these five variables, nothing undeclared, bounded in size. */
export const environment = new Environment({
  unlistedVariablesAreDyn: false,
  limits: {
    maxAstNodes: 2_000,
    maxDepth: 64,
    maxListElements: 500,
    maxMapEntries: 100,
    maxCallArguments: 16,
  },
})
  .registerType('Statement', {
    ctor: StatementFacts,
    fields: {
      kind: 'string',
      kinds: TEXTS,
      category: 'string',
      reads: TEXTS,
      writes: TEXTS,
      tables: TEXTS,
      functions: TEXTS,
      settings: TEXTS,
      traits: TEXTS,
      bounded: 'bool',
      incomplete: 'bool',
      incompleteReason: 'string',
    },
  })
  .registerType('Identity', {
    ctor: IdentityFacts,
    fields: { name: 'string', kind: 'string', groups: TEXTS, onBehalfOf: 'string' },
  })
  .registerType('Target', {
    ctor: TargetFacts,
    fields: { name: 'string', kind: 'string', environment: 'string', database: 'string' },
  })
  .registerType('Session', {
    ctor: SessionFacts,
    fields: { applicationName: 'string', clientAddress: 'string', insideTransaction: 'bool' },
  })
  .registerType('Time', { ctor: TimeFacts, fields: { hour: 'int', weekday: 'int', iso: 'string' } })
  .registerVariable('statement', 'Statement')
  .registerVariable('identity', 'Identity')
  .registerVariable('target', 'Target')
  .registerVariable('session', 'Session')
  .registerVariable('time', 'Time');
