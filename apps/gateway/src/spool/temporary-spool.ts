// For tests only: spools in temporary folders, drafts of events, and an event log that remembers.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { keyIdOf, type SigningKey } from '#libs/contracts/event-signature.js';
import type { Identity } from '#libs/contracts/identity.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import { systemClock } from '#libs/kernel/clock.js';
import { newId } from '#libs/kernel/uuid.js';
import type { EventLogProducer, RecordToAppend } from '#libs/event-log/port.js';
import type { SpoolOptions } from './spool-options.js';
import type { DraftEvent, Spool } from './spool.js';

const pair = generateKeyPairSync('ed25519');
export const testKey: SigningKey = { keyId: keyIdOf(pair.publicKey), privateKey: pair.privateKey };
export const testPublicKey = pair.publicKey;

export async function temporaryFolder(): Promise<{ folder: string; dispose: () => Promise<void> }> {
  const base = await mkdtemp(path.join(tmpdir(), 'countersign-spool-'));
  return {
    folder: path.join(base, 'spool'),
    dispose: () => rm(base, { recursive: true, force: true }),
  };
}

/** A log that keeps what it is given, and can be away. */
export class RememberingLog {
  readonly records: RecordToAppend[] = [];
  away = false;
  opened = 0;

  readonly factory = (): Promise<EventLogProducer> => {
    if (this.away) return Promise.reject(new CodedError('LOG_UNREACHABLE', 'the log is away'));
    this.opened += 1;
    let closed = false;
    return Promise.resolve({
      queuedBytes: 0,
      append: (records) => {
        if (closed || this.away) {
          closed = true;
          return Promise.reject(new CodedError('PRODUCER_CLOSED', 'the producer was given up'));
        }
        this.records.push(...records.map((record) => ({ ...record, value: Buffer.from(record.value) })));
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    });
  };

  events(): LoggedEvent[] {
    return this.records.map((record) => ({
      ...(JSON.parse(record.value.toString('utf8')) as LoggedEvent),
      topic: record.topic,
      partition: record.partition,
    }));
  }
}

export interface LoggedEvent {
  readonly id: string;
  readonly type: string;
  readonly topic: string;
  readonly partition: number;
  readonly producer: string;
  readonly producerSeq: number;
  readonly tenant: string;
  readonly requestId?: string;
  readonly sessionId?: string;
  readonly causationId?: string;
  readonly [field: string]: unknown;
}

export const silent: SpoolOptions['logger'] = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export const optionsFor = (
  folder: string,
  log: RememberingLog,
  more: Partial<SpoolOptions> = {},
): SpoolOptions => ({
  folder,
  tenant: 'default',
  signingKey: testKey,
  producerFactory: log.factory,
  segmentBytes: 64 << 10,
  clock: systemClock,
  newId,
  logger: silent,
  ...more,
});

export const appended = (spool: Spool, ...drafts: DraftEvent[]): Promise<void> =>
  new Promise((resolve, reject) => {
    spool.append(drafts, (error) => (error === undefined ? resolve() : reject(error)));
  });

export const alice: Identity = {
  name: 'alice',
  kind: 'human',
  issuer: 'https://idp.example',
  subject: 'alice',
  groups: ['engineering'],
};

const TIME = '2026-01-02T03:04:05.006Z';
const target = { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' };
const statement = {
  text: 'select 1',
  sha256: 'ab'.repeat(32),
  bytes: 8,
  kind: 'SELECT',
  kinds: ['SELECT'],
  category: 'read',
};

const verdict = (effect: 'allow' | 'deny' | 'review') => ({
  effect,
  rule: 'default',
  reason: 'a test',
  policyVersion: 1,
  policyHash: 'cd'.repeat(32),
});

/** Drafts for one session of one spool. */
export class Drafts {
  readonly sessionId = newId();
  readonly gatewayId = newId();

  constructor(private readonly spool: Spool) {}

  sessionOpened = () =>
    this.draft('session.opened', {
      target,
      clientAddress: '127.0.0.1',
      applicationName: 'test',
      backendPid: 7,
    });
  sessionClosed = () => this.draft('session.closed', { reason: 'client' });

  intent = (effect: 'allow' | 'deny' | 'review', requestId?: string) =>
    this.draft(
      'statement.intent-recorded',
      { target, statement, protocol: 'simple', verdict: verdict(effect), recording: 'strict' },
      requestId,
    );

  outcome = (intent: DraftEvent, outcome = 'completed') =>
    this.draft('statement.outcome-recorded', { intentId: intent.event.id, outcome, durationMs: 1 });

  asked = (intent: DraftEvent) =>
    this.request('review.asked', intent, { holdExpiresAt: TIME, insideTransaction: false });
  released = (intent: DraftEvent) =>
    this.request('review.released', intent, { decisionId: newId(), digest: 'ef'.repeat(32) });
  concluded = (intent: DraftEvent, outcome: string) => this.request('review.concluded', intent, { outcome });
  cancelled = (intent: DraftEvent) => this.request('review.cancelled', intent, { reason: 'client-gone' });

  /** Runs nothing and ends nothing; `bytes` of text. */
  filler = (bytes = 500) =>
    this.draft('statement.prepared', {
      target,
      statement: { ...statement, text: 'x'.repeat(bytes) },
      verdict: verdict('allow'),
    });

  private draft(type: string, fields: Record<string, unknown>, requestId?: string): DraftEvent {
    return {
      topic: 'statements',
      key: this.spool.state().producer,
      signed: false,
      event: {
        id: newId(),
        type,
        schemaVersion: 1,
        time: TIME,
        ...(requestId === undefined ? {} : { requestId }),
        sessionId: this.sessionId,
        identity: alice,
        ...fields,
      },
    };
  }

  private request(type: string, intent: DraftEvent, fields: Record<string, unknown>): DraftEvent {
    const requestId = intent.event.requestId ?? newId();
    const { event } = this.draft(
      type,
      { gatewayId: this.gatewayId, intentId: intent.event.id, ...fields },
      requestId,
    );
    return { topic: 'requests', key: requestId, signed: true, event };
  }
}
