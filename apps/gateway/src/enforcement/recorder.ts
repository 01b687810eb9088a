import type { Outcome } from '#libs/contracts/events/statement-events.js';
import type { EventOf, EventType } from '#libs/contracts/events/registry.js';
import { topicOf } from '#libs/contracts/events/registry.js';
import type { Clock } from '#libs/kernel/clock.js';
import { isoTime } from '#libs/kernel/iso-time.js';
import type { Verdict } from '#libs/policy/policy.js';
import type { PolicyInForce } from '../policy/policy-in-force.js';
import type { DraftEvent } from '../spool/spool.js';
import { chunksOf } from './text-chunks.js';
import type { KnownText, RecordedStatement } from './known-text.js';
import type { RecordedParameter } from './recorded-parameters.js';
import { hidesLiterals, redactParameters, redactStatement } from './redact.js';
import { recordVerdict, type RecordedVerdict } from './recorded-verdict.js';
import type { SessionIdentity } from './session-identity.js';

type Protocol = 'simple' | 'extended' | 'function-call';

/** The fields of a type beside what every event of a session carries. */
type Fields<T extends EventType> = Omit<
  EventOf<T>,
  | 'id'
  | 'type'
  | 'schemaVersion'
  | 'time'
  | 'tenant'
  | 'producer'
  | 'producerSeq'
  | 'requestId'
  | 'sessionId'
  | 'identity'
>;

type Drafted<T extends EventType> = Omit<EventOf<T>, 'tenant' | 'producer' | 'producerSeq'>;

export interface Intent {
  readonly statement: RecordedStatement;
  readonly protocol: Protocol;
  readonly verdict: Verdict;
  readonly parameters?: readonly RecordedParameter[] | undefined;
  /** Of a statement that is held. */
  readonly requestId?: string;
}

export interface OutcomeOf {
  readonly intentId: string;
  readonly requestId?: string | undefined;
  readonly outcome: Outcome;
  readonly tag?: string | undefined;
  readonly rows?: number | undefined;
  readonly copied?: EventOf<'statement.outcome-recorded'>['copied'];
  readonly sqlstate?: string | undefined;
  readonly reason?: string | undefined;
  readonly durationMs: number;
  /** Whether approvals is told too: it was asked, and nothing else tells it how the request ended. */
  readonly concludes?: boolean;
}

/** Drafts the events of one session. Pure but for the clock and the ids it is given. */
export class Recorder {
  constructor(
    readonly session: SessionIdentity,
    private readonly policies: PolicyInForce,
    /** The key of everything on `statements`: the spool's producer. */
    private readonly producer: string,
    private readonly clock: Clock,
    private readonly newId: () => string,
  ) {}

  /** Any event of this session. `requestId` also keys the events of topic `requests`. */
  draft<T extends EventType>(
    type: T,
    fields: Fields<T>,
    options: { requestId?: string | undefined; signed?: boolean } = {},
  ): DraftEvent {
    const topic = topicOf(type);
    const { requestId } = options;
    const event = {
      id: this.newId(),
      type,
      schemaVersion: 1,
      time: isoTime(this.clock.now()),
      ...(requestId === undefined ? {} : { requestId }),
      sessionId: this.session.sessionId,
      identity: this.session.identity,
      ...fields,
    };
    return {
      topic,
      key: topic === 'requests' ? (requestId ?? '') : this.producer,
      signed: options.signed ?? false,
      event,
    };
  }

  intent(intent: Intent): DraftEvent {
    const { requestId, parameters, verdict } = intent;
    return this.onStatements(requestId !== undefined, {
      id: this.newId(),
      type: 'statement.intent-recorded',
      schemaVersion: 1,
      time: isoTime(this.clock.now()),
      requestId,
      sessionId: this.session.sessionId,
      identity: this.session.identity,
      target: this.session.target,
      statement: redactStatement(intent.statement, verdict),
      protocol: intent.protocol,
      parameters: parameters && (redactParameters(parameters, verdict) as RecordedParameter[]),
      verdict: this.verdict(verdict),
      recording: this.session.recording,
    } satisfies Drafted<'statement.intent-recorded'>);
  }

  prepared(statement: RecordedStatement, verdict: Verdict): DraftEvent {
    return this.onStatements(false, {
      id: this.newId(),
      type: 'statement.prepared',
      schemaVersion: 1,
      time: isoTime(this.clock.now()),
      sessionId: this.session.sessionId,
      identity: this.session.identity,
      target: this.session.target,
      statement: redactStatement(statement, verdict),
      verdict: this.verdict(verdict),
    } satisfies Drafted<'statement.prepared'>);
  }

  /** Of these there are two or three for each statement: made as one object, without copies on the way. */
  private onStatements(signed: boolean, event: DraftEvent['event']): DraftEvent {
    return { topic: 'statements', key: this.producer, signed, event };
  }

  /** What must stand before an event that names a text above the inline limit. */
  chunks(known: KnownText, verdict: Verdict): DraftEvent[] {
    if (known.longText === undefined || hidesLiterals(verdict)) return [];
    const chunks = chunksOf(known.longText);
    return chunks.map((text, index) =>
      this.draft('statement.text-chunk-recorded', {
        sha256: known.recorded.sha256,
        index,
        count: chunks.length,
        text,
      }),
    );
  }

  /** The outcome of an intent, and for a held one what approvals is told of it. */
  outcome(of: OutcomeOf): DraftEvent[] {
    const { requestId, intentId, outcome } = of;
    const ended = {
      tag: of.tag?.slice(0, 128),
      sqlstate: of.sqlstate?.length === 5 ? of.sqlstate : undefined,
      reason: of.reason?.slice(0, 1024),
    };
    const recorded = this.onStatements(false, {
      id: this.newId(),
      type: 'statement.outcome-recorded',
      schemaVersion: 1,
      time: isoTime(this.clock.now()),
      requestId,
      sessionId: this.session.sessionId,
      identity: this.session.identity,
      intentId,
      outcome,
      tag: ended.tag,
      rows: of.rows,
      copied: of.copied,
      sqlstate: ended.sqlstate,
      reason: ended.reason,
      durationMs: of.durationMs,
    } satisfies Drafted<'statement.outcome-recorded'>);
    if (requestId === undefined || of.concludes === false) return [recorded];
    const concluded = this.draft(
      'review.concluded',
      { gatewayId: this.session.gatewayId, intentId, outcome, ...ended },
      { requestId, signed: true },
    );
    return [recorded, concluded];
  }

  verdict(verdict: Verdict): RecordedVerdict {
    return recordVerdict(verdict, this.policies.current);
  }
}
